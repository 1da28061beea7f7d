// Earlier connection checks: listed with date, verdict and first cause, opened, and printed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessibility, asAdministrator, keep, on, PAGE, withPage } from "./clerk.mjs";

/** A check of the box and its LANs takes some seconds. */
const CHECK = 90_000;

/** Checks the stages that need no LGWAN. */
async function check(page, number) {
  await page.goto(`${PAGE}#/check`);
  const options = page.locator("details.wish");
  if (!(await options.evaluate((all) => all.open))) await options.locator("summary").click();
  for (const stage of ["LGWAN", "トンネル", "プラットフォーム", "折返し接続"]) await options.getByLabel(stage, { exact: true }).setChecked(false);
  await page.getByLabel("試験番号").fill(number);
  await page.getByRole("button", { name: "接続確認を始める" }).click();
  await page.getByRole("button", { name: "途中でやめる" }).waitFor();
  await page.getByRole("button", { name: "接続確認を始める" }).waitFor({ timeout: CHECK });
}

test("earlier checks are there to be opened and printed", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    const refused = [];
    page.on("response", (answer) => answer.status() >= 400 && refused.push(answer.url()));
    await page.goto(`${PAGE}#/check`);
    await page.getByText("まだ一度も行っていません").waitFor();

    // A server that is off is what the first check finds, and the second doesn't.
    await on("juki", "ip", "link", "set", "eth0", "down");
    await check(page, "2026-0001");
    await on("juki", "ip", "link", "set", "eth0", "up");
    await check(page, "2026-0002");
    const rows = page.getByRole("region", { name: "これまでの接続確認" }).locator("tbody tr");
    await rows.nth(1).waitFor();
    const told = await rows.allInnerTexts();
    assert.equal(told.length, 2);
    assert.match(told[0], /2026-0002/);
    assert.match(told[1], /\d{4}\/\d{2}\/\d{2} .*不合格\s.*juki.*2026-0001/s);

    await rows.nth(1).getByRole("link").click();
    await page.getByText("の接続確認の報告書です").waitFor();
    await page.getByText("まず直すところ：サーバ juki").waitFor();
    assert.match(await page.locator("main").innerText(), /試験番号\s*2026-0001/);
    assert.equal(await page.getByRole("button", { name: "接続確認を始める" }).count(), 0, "what is over can't be started");
    assert.deepEqual(await accessibility(page), []);
    await keep(page, "check-earlier");

    // On paper it is the report alone, with lines to sign on.
    await page.emulateMedia({ media: "print" });
    await page.getByText("署名").waitFor();
    assert.equal(await rows.first().isVisible(), false);
    await page.emulateMedia({ media: null });
    await page.evaluate(() => {
      window.print = () => {
        window.printed = true;
      };
    });
    await page.getByRole("button", { name: "印刷" }).click();
    assert.equal(await page.evaluate(() => window.printed), true);

    await page.getByRole("link", { name: "最新の結果に戻る" }).click();
    await page.getByRole("button", { name: "接続確認を始める" }).waitFor();
    assert.match(await page.locator("main").innerText(), /試験番号\s*2026-0002/);
    await page.reload();
    await page.getByText("2026-0002").first().waitFor();
    assert.deepEqual(refused, []);

    await page.goto(`${PAGE}#/check/99`);
    await page.locator(".notice-bad").waitFor();
    await page.getByRole("link", { name: "最新の結果に戻る" }).click();
    await page.getByRole("button", { name: "接続確認を始める" }).waitFor();
  }));
