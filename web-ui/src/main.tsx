import { render } from "preact";
import { startActivity } from "./app/activity";
import { App } from "./app/app";
import { parseArrival } from "./app/routes";
import { arrived, look } from "./app/session";
import { startTheme } from "./app/theme";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";

/** Whoever comes with a proof from the old address has it shown before anything else; it stays in no history. */
async function begin(): Promise<void> {
  const proof = parseArrival(location.hash);
  if (proof) history.replaceState(null, "", "#/status");
  if (!proof || !(await arrived(proof))) await look();
}

startTheme();
startActivity();
const root = document.getElementById("page");
if (root) render(<App />, root);
begin();
