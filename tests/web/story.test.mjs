// The clerk's whole story at a new box, in Japanese, with the keys and eyes of a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstLogin, on, sekisho, site, withPage } from "./clerk.mjs";

test("from the first login to a terminal that reaches the platform", () =>
  withPage({}, async (page) => {
    await firstLogin(page);
    const { site: design, profile } = site("1-office");
    const answer = await page.evaluate(async ({ design, profile }) => {
      const session = await (await fetch("/api/session")).json();
      const headers = { "Content-Type": "application/json", "X-Sekisho-Token": session.csrf };
      const body = JSON.stringify({
        proposal: { site: { name: "site.toml", text: design }, profile: { name: "profile", text: profile } },
        seen: 0,
        confirm_within_s: 60,
      });
      const reply = await fetch("/api/apply", { method: "POST", headers, body });
      return { status: reply.status, body: await reply.json() };
    }, { design, profile });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  }));
