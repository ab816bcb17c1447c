// replay.js COLLECTION [URL]: sends a Postman collection request by request, as Postman's runner does, and runs its
// scripts. Prints a line for each request and a last one that counts the tests; exits 1 where one failed. Default of
// URL: ADDRESS in the environment.
//
// It knows what this collection uses of Postman: variables, bearer and no authentication, raw and urlencoded bodies,
// cookies of one host, `pm.test`, `pm.response`, `pm.collectionVariables`, and the HMAC of CryptoJS.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const vm = require('node:vm');

const [, , file, address = process.env.ADDRESS] = process.argv;
const collection = JSON.parse(fs.readFileSync(file, 'utf8'));
const variables = new Map(collection.variable.map(({ key, value }) => [key, value]));
variables.set('URL', address);
const cookies = new Map();
const connections = new http.Agent({ keepAlive: true });
const counts = { passed: 0, failed: 0 };

function resolve(text) {
    return text.replace(/\{\{(.+?)\}\}/g, (whole, name) => {
        if (!variables.has(name)) throw new Error(`no variable ${name}`);
        if (variables.get(name) === '') throw new Error(`variable ${name} has not been set`);
        return variables.get(name);
    });
}

function authorization(auth) {
    if (!auth || auth.type === 'noauth') return {};
    if (auth.type !== 'bearer') throw new Error(`unknown authentication ${auth.type}`);
    return { Authorization: `Bearer ${resolve(auth.bearer.find(({ key }) => key === 'token').value)}` };
}

// The content type follows from the mode, as in Postman, unless the request has one.
function body(request) {
    const given = request.body;
    if (!given) return {};
    if (given.mode === 'raw') return { text: resolve(given.raw), type: 'text/plain' };
    const fields = given.urlencoded.map(({ key, value }) => [key, resolve(value)]);
    return { text: new URLSearchParams(fields).toString(), type: 'application/x-www-form-urlencoded' };
}

// A cookie goes to its path and what lies below it (RFC 6265, section 5.1.4).
function cookieHeader(path) {
    const fitting = [...cookies].filter(([, cookie]) => path.startsWith(cookie.path));
    return fitting.length ? { Cookie: fitting.map(([name, cookie]) => `${name}=${cookie.value}`).join('; ') } : {};
}

function keepCookies(fields) {
    for (const field of fields || []) {
        const [pair, ...attributes] = field.split('; ');
        const name = pair.slice(0, pair.indexOf('='));
        const path = (attributes.find(a => /^path=/i.test(a)) || 'Path=/').slice('path='.length);
        if (attributes.some(a => /^max-age=0$/i.test(a))) cookies.delete(name);
        else cookies.set(name, { value: pair.slice(name.length + 1), path });
    }
}

// As Postman does, it follows a redirect.
async function send(request, usesCookies) {
    const url = new URL(resolve(request.url.raw));
    const answer = await sendTo(url, request, usesCookies);
    return answer.code === 307 ? sendTo(new URL(answer.location, url), request, usesCookies) : answer;
}

function sendTo(url, request, usesCookies) {
    const { text, type } = body(request);
    const headers = {
        ...(type ? { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) } : {}),
        ...authorization(request.auth || collection.auth), ...(usesCookies ? cookieHeader(url.pathname) : {}),
    };
    for (const { key, value } of request.header) headers[key] = resolve(value);
    return new Promise((settle, fail) => {
        const call = http.request(url, { method: request.method, headers, agent: connections, timeout: 60000 });
        call.on('timeout', () => call.destroy(new Error('no answer within 60 s')));
        call.on('error', fail);
        call.on('response', answer => {
            const parts = [];
            answer.on('data', part => parts.push(part));
            answer.on('end', () => {
                keepCookies(answer.headers['set-cookie']);
                const location = answer.headers.location;
                settle({ code: answer.statusCode, location, text: Buffer.concat(parts).toString() });
            });
        });
        call.end(text);
    });
}

// Of CryptoJS what a one-time password takes: words are hexadecimal digits here.
const CryptoJS = {
    enc: { Hex: { parse: digits => digits } },
    HmacSHA1: (message, key) => crypto.createHmac('sha1', Buffer.from(key, 'hex'))
        .update(Buffer.from(message, 'hex')).digest('hex'),
};

function run(item, listen, answer) {
    for (const { script } of (item.event || []).filter(event => event.listen === listen)) {
        vm.runInNewContext(script.exec.join('\n'), { pm: sandbox(item, answer), CryptoJS, Date, parseInt });
    }
}

function sandbox(item, answer) {
    return {
        test(name, check) {
            try {
                check();
                counts.passed += 1;
            } catch (error) {
                counts.failed += 1;
                console.log(`FAILED ${item.name}: ${name}: ${error.message}`);
            }
        },
        collectionVariables: {
            get: name => variables.get(name),
            set(name, value) {
                if (typeof value !== 'string') throw new Error(`${item.name}: ${name} would be ${value}`);
                variables.set(name, value);
            },
        },
        response: answer && {
            code: answer.code,
            json: () => JSON.parse(answer.text),
            to: {
                have: {
                    status(expected) {
                        if (answer.code !== expected) throw new Error(`${answer.code}: ${answer.text.slice(0, 400)}`);
                    },
                },
            },
        },
    };
}

async function main() {
    for (const folder of collection.item) {
        for (const item of folder.item) {
            run(item, 'prerequest');
            // Only the folder for browsers has a cookie jar: elsewhere it would hide a token that is missing.
            const answer = await send(item.request, folder.name === 'Cookie mode');
            run(item, 'test', answer);
            console.log(`${folder.name}: ${item.request.method} ${item.request.url.raw}: ${answer.code}`);
        }
    }
    connections.destroy();
    console.log(`${counts.passed} passed, ${counts.failed} failed`);
    process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0);
}

main().catch(error => {
    console.log(`FAILED ${error.message}`);
    process.exit(1);
});
