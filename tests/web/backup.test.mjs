// A backup from the page: made with the box's own words, looked into, refused with other ones, restored.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seal } from "./capsule.mjs";
import { accessibility, asAdministrator, keep, PAGE, SCREENSHOTS, status, withPage } from "./clerk.mjs";

/** Some megabytes more than any backup has. */
const HUGE = 100_000_000;

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

test("what is no backup of this box is refused by name, and nothing changes", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    const { generation } = await status();
    await page.goto(`${PAGE}#/care/backup`);
    const card = page.locator("section.card", { has: page.getByRole("heading", { name: "控えから戻す" }) });
    const passphrase = "a passphrase of the test";
    await card.getByLabel("合言葉").fill(passphrase);
    const theirs = {
      format: "sekisho-capsule",
      schema: 2,
      made_at: "2026-04-01T09:00:00Z",
      version: "0.1.0",
      serial: "0123456789abcdef",
      organisation: "012025",
      site: "",
      profile: "",
    };
    for (const [buffer, told] of [
      [seal(theirs, passphrase), "別の団体（012025）のカプセルです。"],
      [seal({ format: "sekisho-capsule", schema: 99 }, passphrase), "カプセルは新しいファームウェアで作られています（形式99"],
      [seal({ format: "photos" }, passphrase), "バックアップ（カプセル）のファイルではありません。"],
      [seal(theirs, passphrase).subarray(0, -7), "カプセルが壊れているか、途中で切れています。"],
    ]) {
      await card.getByLabel("控えのファイル").setInputFiles({ name: "x.age", mimeType: "application/octet-stream", buffer });
      await card.getByRole("button", { name: "中身を見る" }).click();
      await card.getByRole("alert").getByText(told).waitFor();
    }
    assert.deepEqual(await accessibility(page), []);
    // A file of 100 MB is not even sent. It is made in the browser, since no tool hands over one of that size.
    const asked = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await card.getByLabel("控えのファイル").evaluate((input, size) => {
      const files = new DataTransfer();
      files.items.add(new File([new Uint8Array(size)], "video.mp4"));
      input.files = files.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }, HUGE);
    await card.getByText("大きすぎます。控えのファイル（名前の終わりが .age）を選んでください。").waitFor();
    assert.ok(await card.getByRole("button", { name: "中身を見る" }).isDisabled());
    assert.ok(!asked.includes("/api/backup/open"));
    await keep(page, "care-backup-refused");
    assert.equal((await status()).generation, generation);
  }));
