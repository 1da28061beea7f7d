"""Who has no right gets nothing, and whoever has one is not sent away: schemathesis loads this beside its own checks."""

import os

import schemathesis

ROLE = os.environ["ROLE"]

# What the guard says and no handler; that a role has no right, some handlers say too, once they know what it is about.
GUARD = {"no-session", "must-change", "token", "cross-origin"}


@schemathesis.check
def rights(ctx, response, case):
    if response.status_code == 405:
        return
    operation = case.operation.definition.raw
    kind = response.json().get("kind") if response.status_code >= 400 else None
    if not operation["security"]:
        return
    if ROLE == "nobody":
        assert kind in {"no-session", "malformed"}, f"nobody is signed in, and got {response.status_code} {kind}"
    elif ROLE in operation["x-roles"]:
        # What is left out on purpose is asked for.
        without_token = "X-Sekisho-Token" not in response.request.headers and kind == "token"
        assert without_token or kind not in GUARD, f"{ROLE} may, and got {response.status_code} {kind}"
    else:
        assert kind in {"role", "malformed"}, f"{ROLE} may not, and got {response.status_code} {kind}"
