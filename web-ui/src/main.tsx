import { render } from "preact";
import { asFailure } from "./api/client";
import { startActivity } from "./app/activity";
import { App } from "./app/app";
import { parseArrival } from "./app/routes";
import { arrive, look, session } from "./app/session";
import { startTheme } from "./app/theme";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";

/** Whoever comes with a proof from the old address has it shown before anything else; it stays in no history. */
async function begin(): Promise<string | null> {
  const proof = parseArrival(location.hash);
  if (!proof) {
    await look();
    return null;
  }
  history.replaceState(null, "", "#/status");
  try {
    await arrive(proof);
    return null;
  } catch (thrown) {
    await look();
    const failure = asFailure(thrown);
    return failure.both ? failure.both.ja : failure.message;
  }
}

startTheme();
startActivity();
const root = document.getElementById("page");
if (root) {
  render(<App told={null} />, root);
  begin().then((told) => {
    if (told && session.value.name !== "in") render(<App told={told} />, root);
  });
}
