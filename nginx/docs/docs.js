"use strict";
// The page at /docs/: Swagger UI, and a log-in for the calls that it makes. The token is kept in the session storage:
// it survives a reload, and ends with the tab. Swagger UI's own store would share it with all tabs, and keep it.

const scheme = "bearer"; // of the OpenAPI document
const form = document.getElementById("login");
const storage = {
  key: "flow-manager.session",
  read: () => JSON.parse(sessionStorage.getItem(storage.key)),
  write: (session) => sessionStorage.setItem(storage.key, JSON.stringify(session)),
  clear: () => sessionStorage.removeItem(storage.key),
};

function notify(text) {
  document.getElementById("notice").textContent = text;
}

// Shows who is logged in, and hands the token to Swagger UI, which takes it only once the document is loaded.
function showSession() {
  const session = storage.read();
  form.hidden = session !== null;
  document.getElementById("session").hidden = session === null;
  document.getElementById("name").textContent = session?.name ?? "";
  if (session) ui.preauthorizeApiKey(scheme, session.token);
}

function endSession(text) {
  storage.clear();
  ui.authActions.logout([scheme]);
  showSession();
  notify(text);
}

// Cookies are left out of every call: what the page shows depends on its own log-in, and on no other tab's.
function post(path, body, headers = {}) {
  return fetch(path, {
    method: "POST",
    credentials: "omit",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function logIn() {
  const { email, password, otp } = Object.fromEntries(new FormData(form));
  const response = await post("../login", otp ? { email, password, otp } : { email, password });
  const answer = await response.json();
  const needsCode = ["otp_required", "otp_invalid"].includes(answer.code);
  document.getElementById("otp").hidden = !needsCode;
  if (needsCode) form.elements.otp.focus();
  if (!response.ok) return notify(answer.message);
  storage.write({ name: email, token: answer.token });
  form.reset();
  notify("");
  showSession();
}

async function logOut() {
  const { token } = storage.read();
  endSession("");
  await post("../logout", {}, { Authorization: `Bearer ${token}` });
}

// Runs an action of the header; what it could not do is said there.
async function attempt(action, button) {
  button.disabled = true;
  try {
    await action();
  } catch {
    notify("The server does not answer. Try again.");
  } finally {
    button.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(logIn, form.querySelector("button"));
});
document.getElementById("logout").addEventListener("click", (event) => attempt(logOut, event.target));

const dark = matchMedia("(prefers-color-scheme: dark)");
const showTheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", showTheme);
showTheme();

const ui = SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  queryConfigEnabled: false,
  persistAuthorization: false,
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  filter: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  requestInterceptor: (request) => Object.assign(request, { credentials: "omit" }),
  responseInterceptor: (response) => {
    if (["token_expired", "token_invalid"].includes(response.obj?.code) && storage.read()) {
      endSession("Your session has ended. Log in again.");
    }
    return response;
  },
  onComplete: showSession,
});
showSession();
