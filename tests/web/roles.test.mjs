// What each role finds on the page of a device in service, and how the administrator lets it in and out.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { asAdministrator, firstLogin, logIn, PAGE, PASSWORD, withPage, write } from "./clerk.mjs";

const ROLES = { mita: "viewer", gishi: "engineer", kikou: "operator" };
const first = {};

before(() =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    await page.goto(`${PAGE}#/care/users`);
    for (const [name, role] of Object.entries(ROLES)) {
      await page.getByLabel("利用者名").fill(name);
      await page.getByLabel("役割").selectOption(role);
      await page.getByRole("button", { name: "作る", exact: true }).click();
      const dialog = page.getByRole("dialog");
      first[name] = await dialog.locator("code").innerText();
      await dialog.getByRole("button", { name: "閉じる" }).last().click();
      await dialog.waitFor({ state: "detached" });
    }
    const engineer = page.locator("li", { hasText: "gishi" });
    await engineer.getByText("期限").waitFor();
  }));

/** Asks the page's own API from within it, as its scripts would; the status and kind of the answer. */
const asked = (page, method, path, body) =>
  page.evaluate(
    async ([method, path, body]) => {
      const { csrf } = await (await fetch("/api/session")).json();
      const headers = { "content-type": "application/json", "x-sekisho-token": csrf };
      const answer = await fetch(`/api${path}`, { method, headers, body: JSON.stringify(body) });
      return [answer.status, (await answer.json().catch(() => ({}))).kind];
    },
    [method, path, body],
  );

/** Who isn't the administrator sees the device's key and has no way to renew it. */
async function findsTheKeyAsItIs(page) {
  await page.goto(`${PAGE}#/care/box`);
  await page.getByRole("img", { name: "製造番号、公開鍵、団体、版のQRコード" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "鍵の更新を始める" }).count(), 0);
  for (const path of ["/identity/renew", "/identity/cancel-renewal"]) {
    assert.deepEqual(await asked(page, "POST", path, {}), [403, "role"]);
  }
}

test("a viewer looks and can't touch", () =>
  withPage({}, async (page) => {
    await firstLogin(page, "mita", first.mita, PASSWORD);
    await page.goto(`${PAGE}#/design`);
    await page.getByText("閲覧だけできます").waitFor();
    await page.goto(`${PAGE}#/apply`);
    await page.locator("main h1").waitFor();
    assert.equal(await page.getByRole("button", { name: "反映する", exact: true }).count(), 0);
    await page.goto(`${PAGE}#/care`);
    await page.locator("main h1").waitFor();
    assert.equal(await page.getByRole("link", { name: "利用者", exact: true }).count(), 0);
    assert.deepEqual(await asked(page, "POST", "/roll-back", { generation: 1 }), [403, "role"]);
    await findsTheKeyAsItIs(page);
  }));

test("an engineer writes a design, and the page says until when", () =>
  withPage({}, async (page) => {
    await firstLogin(page, "gishi", first.gishi, PASSWORD);
    await page.goto(`${PAGE}#/design/text`);
    const text = page.getByRole("textbox").last();
    await text.waitFor();
    await write(page, PAGE, `${await text.inputValue()}\n# gishi\n`);
    await page.getByText("あなたが編集しています").waitFor();
    await page.getByRole("button", { name: "編集を終える" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "編集を終える" }).click();
    assert.deepEqual(await asked(page, "POST", "/users", { name: "x", role: "viewer" }), [403, "role"]);
    await findsTheKeyAsItIs(page);
  }));

test("an operator brings profiles and leaves the site alone", () =>
  withPage({}, async (page) => {
    await firstLogin(page, "kikou", first.kikou, PASSWORD);
    const proposal = { site: { name: "site.toml", text: "schema = 1\n" } };
    assert.deepEqual(await asked(page, "POST", "/apply", { proposal, seen: 1 }), [403, "role"]);
    await findsTheKeyAsItIs(page);
  }));

test("a transfer that the platform's servers refuse is no fault of the device", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    assert.deepEqual(await asked(page, "GET", "/names/zone-data"), [502, "elsewhere"]);
    const said = await page.evaluate(async () => (await fetch("/api/names/zone-data")).json());
    assert.match(said.message, /^zone [a-z.]+ can't be fetched from 100\.72\.\d+\.\d+: the name servers say /);
    assert.match(said.way_out, /operator/);
  }));

test("who is deleted is out at once", () =>
  withPage({}, async (viewer) => {
    await viewer.goto(PAGE);
    await logIn(viewer, "mita", PASSWORD);
    await viewer.getByRole("navigation", { name: "メニュー" }).waitFor();
    await withPage({}, async (page) => {
      await asAdministrator(page);
      await page.goto(`${PAGE}#/care/users`);
      await page.locator("li", { hasText: "mita" }).getByRole("button", { name: "削除する" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "削除する" }).click();
      await page.locator("li", { hasText: "mita" }).waitFor({ state: "detached" });
    });
    await viewer.goto(`${PAGE}#/names`);
    await viewer.getByText("もう一度ログインしてください").or(viewer.getByRole("button", { name: "ログイン", exact: true })).first().waitFor();
  }));
