<?php
/* The measured calls as they would be written for PHP-FPM or PHP-CGI: /health, /me, and a chain of tasks, recorded in
   one statement. Reads the same tokens and bodies as the program, over the same database. */

declare(strict_types=1);

const STEP_LIMIT = 100;
const TASKS = ['pass', 'data.process'];

function answer(int $status, mixed $value): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION);
    exit;
}

function database(): PgSql\Connection
{
    // A persistent connection under FPM; CGI ends with the call.
    return pg_pconnect(getenv('BENCH_DATABASE') ?: $_SERVER['BENCH_DATABASE']);
}

function decoded(string $text): string
{
    return (string) base64_decode(strtr($text, '-_', '+/'), true);
}

function caller(): string
{
    $key = getenv('BENCH_SECRET') ?: $_SERVER['BENCH_SECRET'];
    $parts = explode('.', preg_replace('/^Bearer +/i', '', $_SERVER['HTTP_AUTHORIZATION'] ?? ''));
    if (count($parts) === 3) {
        $mac = hash_hmac('sha256', "$parts[0].$parts[1]", $key, true);
        $header = json_decode(decoded($parts[0]), true);
        $claims = json_decode(decoded($parts[1]), true);
        if (hash_equals($mac, decoded($parts[2])) && ($header['alg'] ?? '') === 'HS256'
            && ($claims['iss'] ?? '') === 'flow-manager' && ($claims['exp'] ?? 0) > time()) {
            return $claims['sub'];
        }
    }
    answer(401, ['message' => 'Authentication failed']);
}

function process(array $value): array
{
    $numbers = $value['records'];
    return ['count' => count($numbers), 'sum' => array_sum($numbers), 'min' => min($numbers), 'max' => max($numbers),
            'mean' => array_sum($numbers) / count($numbers)];
}

function isValid(mixed $flow): bool
{
    $names = array_column($flow['tasks'] ?? [], 'name');
    foreach ($flow['tasks'] ?? [] as $task) {
        if (!in_array($task['type'] ?? '', TASKS, true)) return false;
    }
    foreach ($flow['conditions'] ?? [] as $condition) {
        foreach (['source_task', 'target_task_success', 'target_task_failure'] as $key) {
            if (!in_array($condition[$key], [...$names, 'end'], true)) return false;
        }
    }
    return in_array($flow['start_task'] ?? null, $names, true) && count(array_unique($names)) === count($names);
}

function run(array $flow, mixed $value, string $user): array
{
    $tasks = array_column($flow['tasks'], null, 'name');
    $conditions = array_column($flow['conditions'], null, 'source_task');
    $name = $flow['start_task'];
    $executed = [];
    while (isset($tasks[$name]) && count($executed) < STEP_LIMIT) {
        $task = $tasks[$name];
        $value = $task['input'] ?? $value;
        if ($task['type'] === 'data.process') $value = process($value);
        $next = $conditions[$name]['target_task_success'] ?? null;
        $executed[] = ['task_name' => $name, 'type' => $task['type'], 'status' => 'success', 'data' => $value,
                       'next' => $next];
        $name = $next;
    }
    $result = pg_query_params(
        database(),
        'WITH run AS (INSERT INTO bench_php.runs (user_id, flow, result) VALUES ($1, $2, $3) RETURNING id)
         , stored AS (INSERT INTO bench_php.steps SELECT run.id, ordinality, step FROM run,
             json_array_elements($4) WITH ORDINALITY AS of (step, ordinality))
         SELECT id FROM run',
        [$user, json_encode($flow), json_encode($value), json_encode($executed)]);
    return ['execution_id' => pg_fetch_result($result, 0), 'flow_id' => $flow['id'], 'status' => 'completed',
            'result' => $value, 'executed_tasks' => $executed];
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path === '/health') {
    answer(200, ['status' => 'ok']);
} elseif ($path === '/me') {
    $rows = pg_query_params(database(), 'SELECT id, email FROM users WHERE id = $1', [caller()]);
    answer(200, pg_fetch_assoc($rows) ?: answer(404, ['message' => 'Not found']));
} elseif ($path === '/flow-manager' && $_SERVER['REQUEST_METHOD'] === 'POST') {
    $user = caller();
    $body = json_decode(file_get_contents('php://input'), true);
    if (!is_array($body) || !isValid($body['flow'] ?? null)) answer(422, ['message' => 'The flow is not valid']);
    answer(200, run($body['flow'], $body['input'] ?? [], $user));
}
answer(404, ['message' => 'Not found']);
