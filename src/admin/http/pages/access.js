// The set-up and the sign-in page.
"use strict";

const api = "/api/v1";
const byId = (id) => document.getElementById(id);

function say(text, bad) {
  const said = byId("said");
  said.textContent = text;
  said.classList.toggle("bad", Boolean(bad));
}

async function ask(method, path, body, csrf) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const answer = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  const json = text ? JSON.parse(text) : {};
  if (!answer.ok) throw Object.assign(new Error(json.detail || answer.statusText), { status: answer.status });
  return json;
}

// Runs what a form does, once at a time, and says what went wrong.
function onSubmit(form, act, faults) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    say("");
    try {
      await act(Object.fromEntries(new FormData(form)));
    } catch (fault) {
      say(faults[fault.status] || fault.message, true);
    } finally {
      button.disabled = false;
    }
  });
}

function setUp(form) {
  const token = location.hash.slice(1);
  if (!token) say("Open the link as the daemon printed it, with what stands after the #.", true);
  onSubmit(form, async ({ name, email, password, again }) => {
    if (password !== again) throw new Error("The two passwords differ.");
    await ask("POST", "/setup", { token, name, password, email: email || null });
    history.replaceState(null, "", "/setup");
    location.assign("/signin");
  }, { 404: "This link was used, or its day is over. `admitd setup` prints another one." });
}

function signedIn(session) {
  byId("signin").hidden = true;
  byId("signedin").hidden = false;
  byId("who").textContent = session.user ? session.user.name : session.who;
  byId("roles").replaceChildren(...session.roles.map((held) => {
    const row = document.createElement("li");
    row.textContent = `${held.role.replaceAll("_", " ")}: ${held.path}`;
    return row;
  }));
  byId("signout").onclick = async () => {
    await ask("DELETE", "/session", null, session.csrf_token).catch(() => {});
    location.reload();
  };
}

function signIn(form) {
  ask("GET", "/session").then(signedIn, () => {});
  onSubmit(form, async ({ user, password }) => {
    signedIn(await ask("POST", "/session", { user, password }));
  }, { 401: "Name or password is wrong.", 429: "Too many attempts. Wait a little." });
}

if (byId("setup")) setUp(byId("setup"));
if (byId("signin")) signIn(byId("signin"));
