import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { answer, answers } from "./answers";
import { healthNow, state, statusNow, trafficNow } from "./box";
import { care } from "./care";
import { design } from "./design";
import { network } from "./network";
import { selfTest } from "./self-test";
import { update } from "./update";

answers({ ...care, ...design, ...network, ...selfTest, ...update });

/** The policy that the box sends with the built page. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Answers in the box's place, so that the page can be looked at without one. */
export function mock(): Plugin {
  return {
    name: "mock",
    configureServer: (server) => {
      server.middlewares.use("/api", api);
    },
    configurePreviewServer: (server) => {
      server.middlewares.use((_, response, next) => {
        response.setHeader("Content-Security-Policy", policy);
        next();
      });
      server.middlewares.use("/api", api);
    },
  };
}

const api: Connect.NextHandleFunction = (request, response) => {
  const url = new URL(request.url ?? "/", "http://box");
  if (url.pathname === "/live") {
    tellLive(request, response);
    return;
  }
  body(request).then(async (text) => {
    const isFile = request.headers["content-type"] === "application/octet-stream";
    const given = isFile ? { bytes: text.length } : text ? JSON.parse(text) : undefined;
    const said = answer(request.method ?? "GET", url, given);
    response.statusCode = said.status;
    if (said.lines) {
      response.setHeader("Content-Type", "application/x-ndjson");
      for await (const line of said.lines) response.write(`${JSON.stringify(line)}\n`);
      response.end();
      return;
    }
    response.setHeader("Content-Type", said.type ?? "application/json");
    if (said.file) response.setHeader("Content-Disposition", `attachment; filename="${said.file}"`);
    response.end(said.text ?? (said.value === undefined ? "" : JSON.stringify(said.value)));
  });
};

function tellLive(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const tell = () => {
    const send = (event: string, value: unknown) =>
      response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
    if (state.scene === "away") {
      send("daemon-away", {});
      return;
    }
    send("status", statusNow());
    send("health", healthNow());
    send("traffic", trafficNow());
  };
  tell();
  const timer = setInterval(tell, 1000);
  request.on("close", () => clearInterval(timer));
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request) text += piece;
  return text;
}
