"""Makes a user for each role and lets schemathesis ask as each, and as nobody: `roles.py SCHEMATHESIS PAGE`."""

import datetime
import os
import pathlib
import subprocess
import sys
import tempfile

import requests

HERE = pathlib.Path(__file__).parent
FIRST_PASSWORD = (HERE / "../lab/keys/first-password").read_text().strip()
PASSWORD = "hashi wo wataru kaze"
ROLES = ["viewer", "engineer", "operator", "administrator"]

# What ends the session, goes on for ever, takes minutes, or asks a server of the lab that refuses; the page's own tests ask
# these as each role.
LEFT_OUT = ["/api/logout", "/api/live", "/api/self-test", "/api/names/zone-data"]
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "rights",
]


def signed_in(page, user, password):
    """A session, after the change that the first one asks for."""
    session = requests.Session()
    session.headers["Sec-Fetch-Site"] = "same-origin"

    def ask(path, body):
        answer = session.post(page + path, json=body, timeout=30)
        assert answer.ok, f"{path}: {answer.status_code}: {answer.text}"
        return answer.json()

    def enter(path, body):
        entered = ask(path, body)
        session.headers["X-Sekisho-Token"] = entered["csrf"]
        return entered

    if enter("api/login", {"user": user, "password": password})["must_change"]:
        enter("api/password", {"old": password, "new": PASSWORD})
    return session, ask


def sessions(page):
    """A session of each role."""
    _, ask = signed_in(page, "admin", FIRST_PASSWORD)
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=12)
    for role in ROLES:
        user = {"name": role, "role": role}
        if role == "engineer":
            user["until"] = end.isoformat()
        yield role, signed_in(page, role, ask("api/users", user)["password"])[0]


def fuzzed(schemathesis, page, document, role, headers):
    """Whether the API does what its document says, for somebody with these headers."""
    print(f"=== {role}", flush=True)
    words = [schemathesis, "run", str(document), "--url", page.rstrip("/"), "--tls-verify", os.environ["REQUESTS_CA_BUNDLE"]]
    words += ["--phases", "coverage,fuzzing", "--checks", ",".join(CHECKS), "--warnings", "off"]
    words += ["--max-examples", os.environ.get("EXAMPLES", "25"), "--seed", os.environ.get("SEED", "20150401")]
    words += ["--continue-on-failure", "--no-color", "--request-retries", "2", "--suppress-health-check", "all"]
    words += [word for path in LEFT_OUT for word in ["--exclude-path", path]]
    words += [word for name, value in headers.items() for word in ["--header", f"{name}:{value}"]]
    surroundings = {**os.environ, "SCHEMATHESIS_HOOKS": "rights", "ROLE": role, "PYTHONPATH": str(HERE)}
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(words, env=surroundings, cwd=folder, check=False).returncode == 0


def main():
    schemathesis, page = sys.argv[1:]
    document = (HERE / "../../web-ui/openapi.json").resolve()
    same_origin = {"Sec-Fetch-Site": "same-origin"}
    failed = []
    for role, session in [("nobody", None), *sessions(page)]:
        headers = same_origin
        if session:
            cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
            headers = {**same_origin, "Cookie": cookie, "X-Sekisho-Token": session.headers["X-Sekisho-Token"]}
        if not fuzzed(schemathesis, page, document, role, headers):
            failed.append(role)
    if failed:
        sys.exit(f"the API isn't what its document says, for: {', '.join(failed)}")


main()
