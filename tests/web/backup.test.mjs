// A backup from the page: made with the box's own words, looked into, refused with other ones, restored.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asAdministrator, keep, PAGE, SCREENSHOTS, status, withPage } from "./clerk.mjs";

test("a backup is made, opened with its words alone, and restored", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    const { generation } = await status();
    await page.goto(`${PAGE}#/care/backup`);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "控えを作って保存" }).click(),
    ]);
    assert.match(download.suggestedFilename(), /^sekisho-011002-\d{8}\.age$/);
    const file = `${SCREENSHOTS}/${download.suggestedFilename()}`;
    await download.saveAs(file);
    const words = await page.getByRole("dialog").locator("code").innerText();
    assert.match(words, /^([a-z]+-){4}[a-z]+$/);
    await page.getByRole("dialog").getByRole("button", { name: "閉じる" }).last().click();

    const card = page.locator("section, .card", { hasText: "控えから戻す" }).last();
    await card.getByLabel("控えのファイル").setInputFiles(file);
    const passphrase = card.getByLabel("合言葉");
    await passphrase.fill("hashi wo wataru kaze");
    await card.getByRole("button", { name: "中身を見る" }).click();
    await page.getByText("合言葉が違います").first().waitFor();
    await passphrase.fill(words.toUpperCase().replaceAll("-", " "));
    await card.getByRole("button", { name: "中身を見る" }).click();
    await page.getByText("控えの中身").waitFor();
    await page.getByText("入っていません").waitFor();
    await page.getByText("admin（管理者）").waitFor();
    await keep(page, "care-backup-opened");

    // Somebody who comes after the backup isn't in it, and goes with its users. Who restores stays signed in.
    await page.goto(`${PAGE}#/care/users`);
    await page.getByLabel("利用者名").fill("kato");
    await page.getByRole("button", { name: "作る", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "閉じる" }).last().click();
    await page.goto(`${PAGE}#/care/backup`);
    await card.getByLabel("控えのファイル").setInputFiles(file);
    await passphrase.fill(words);
    await card.getByRole("button", { name: "中身を見る" }).click();
    await page.getByRole("button", { name: "利用者を戻す" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(/いまの利用者（[^）]*kato/).waitFor();
    await keep(page, "care-backup-users");
    await dialog.getByRole("button", { name: "利用者を戻す" }).click();
    await page.getByText(/利用者を控えのもの（\d+人）に入れ替えました/).waitFor();
    await page.goto(`${PAGE}#/care/users`);
    await page.getByText("admin", { exact: true }).first().waitFor();
    assert.equal(await page.getByText("kato", { exact: true }).count(), 0);
    await page.goto(`${PAGE}#/care/backup`);
    await card.getByLabel("控えのファイル").setInputFiles(file);
    await passphrase.fill(words);
    await card.getByRole("button", { name: "中身を見る" }).click();

    await page.getByRole("button", { name: "この設計に戻す" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "この設計に戻す" }).click();
    await page.getByText("控えの設計を反映しました").waitFor();
    // It is the design in force: nothing changes, and nothing awaits.
    assert.equal((await status()).generation, generation);
  }));
