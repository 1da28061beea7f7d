// What goes wrong between a browser and the box: said in words, with the way out, and nothing of anybody's work is lost.
import assert from "node:assert/strict";
import { rename, rm, writeFile } from "node:fs/promises";
import { before, test } from "node:test";
import { asAdministrator, file, logIn, PAGE, PASSWORD, release, status, withPage, write } from "./clerk.mjs";

/** The daemon's, as the lab places it. */
const SOCKET = "/run/sekisho/control.sock";
/** Far beyond what the page takes in one request. */
const HUGE = 100_000_000;

before(() => withPage({}, asAdministrator));

/** The design in force, as the box keeps it. */
async function inForce(page) {
  await page.goto(`${PAGE}#/design/text`);
  const text = page.getByRole("textbox").last();
  await text.waitFor();
  return text.inputValue();
}

/** Chooses a file of so many bytes, which is made in the browser. */
const choose = (input, size) =>
  input.evaluate((input, size) => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(size)], "large.csv"));
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, size);

test("two windows of one session don't write over each other", () =>
  withPage({}, async (page, context) => {
    await asAdministrator(page);
    const text = await inForce(page);
    const other = await context.newPage();
    await inForce(other);
    await write(page, PAGE, `${text}\n# first window\n`);
    await page.getByText("あなたが編集しています").waitFor();
    await write(other, PAGE, `${text}\n# second window\n`);
    await other.getByText("別の画面で変わっています").waitFor();
    await other.getByRole("button", { name: "装置の下書きを開く" }).click();
    await other.getByText("装置にある下書き").waitFor();
    assert.match(await other.getByRole("textbox").last().inputValue(), /# first window/);
    await release(page);
  }));

test("what is written outlives the session, and the way back", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    const text = await inForce(page);
    await write(page, PAGE, `${text}\n# unsaved\n`);
    await page.getByText("あなたが編集しています").waitFor();
    await page.goto(`${PAGE}#/status`);
    await page.goBack();
    await page.getByText("前に書きかけた内容を開きました").waitFor();
    // The session ends, and the page doesn't know.
    await page.evaluate(async () => {
      const { csrf } = await (await fetch("/api/session")).json();
      await fetch("/api/logout", { method: "POST", headers: { "x-sekisho-token": csrf } });
    });
    await page.goto(`${PAGE}#/names`);
    await page.getByText("もう一度ログインしてください").waitFor();
    await page.getByLabel("パスワード", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "ログイン", exact: true }).click();
    await page.goto(`${PAGE}#/design/text`);
    await page.getByText("前に書きかけた内容を開きました").waitFor();
    assert.match(await page.getByRole("textbox").last().inputValue(), /# unsaved/);
  }));

test("a browser that is closed in the middle of a change leaves the design before", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    const { generation } = await status();
    await page.evaluate(async () => {
      const { csrf } = await (await fetch("/api/session")).json();
      const { generation: seen } = await (await fetch("/api/status")).json();
      const { site } = await (await fetch(`/api/generations/${seen}`)).json();
      const text = site.replace(/^name = ".*"/m, 'name = "閉じた窓"');
      const proposal = { site: { name: "site.toml", text } };
      const headers = { "content-type": "application/json", "x-sekisho-token": csrf };
      const body = JSON.stringify({ proposal, seen, confirm_within_s: 10 });
      const answer = await fetch("/api/apply", { method: "POST", headers, body });
      if (!answer.ok) throw new Error(await answer.text());
    });
    assert.equal((await status()).awaiting.generation, generation + 1);
    await page.close();
    const end = Date.now() + 30_000;
    while ((await status()).awaiting && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 500));
    const after = await status();
    assert.deepEqual([after.generation, after.awaiting], [generation, undefined]);
  }));

test("a table of the wrong kind and a file of 100 MB are refused by name", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    await page.goto(`${PAGE}#/design/text`);
    await page.getByRole("button", { name: "CSVの出し入れ" }).click();
    await page.getByLabel("CSVを取り込む").setInputFiles(file("picture.csv", "\u0000\u0001\u0002 no table"));
    await page.getByRole("dialog").locator(".notice").first().waitFor();
    await choose(page.getByLabel("CSVを取り込む"), HUGE);
    await page.getByRole("dialog").getByText("ファイルが大きすぎます（1MiBまで）。").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "閉じる" }).last().click();
    await choose(page.getByLabel("TOMLを開く"), HUGE);
    await page.getByText("ファイルが大きすぎます（1MiBまで）。").waitFor();
    const [code, kind] = await page.evaluate(async (size) => {
      const { csrf } = await (await fetch("/api/session")).json();
      const headers = { "content-type": "application/json", "x-sekisho-token": csrf };
      const body = JSON.stringify({ site: "x".repeat(size) });
      const answer = await fetch("/api/design/check", { method: "POST", headers, body }).catch(() => null);
      return answer ? [answer.status, (await answer.json().catch(() => ({}))).kind] : [0, "closed"];
    }, HUGE);
    // Who goes on sending what nobody reads may find the connection closed before he reads why.
    assert.ok((code === 413 && kind === "too-large") || kind === "closed", `${code} ${kind}`);
    await page.goto(`${PAGE}#/status`);
    await page.locator("main h1").waitFor();
  }));

test("where nothing can be written down, nothing is changed, and looking goes on", async () => {
  const trail = `${process.env.LAB_LOGS}/page/audit`;
  await rename(trail, `${trail}.away`);
  await writeFile(trail, "in the way, as a full disk would be");
  try {
    await withPage({}, async (page) => {
      await asAdministrator(page);
      await page.getByText("使用中").first().waitFor();
      await page.goto(`${PAGE}#/care/users`);
      await page.getByLabel("利用者名").fill("hana");
      await page.getByRole("button", { name: "作る", exact: true }).click();
      await page.getByRole("alert").getByText("監査記録を書き込めないため、変更を受け付けません。").waitFor();
      await page.getByRole("alert").getByText("ディスクの空きと状態を確認してください").waitFor();
      assert.equal(await page.getByText("hana", { exact: true }).count(), 0);
      await rm(trail);
      await rename(`${trail}.away`, trail);
      await page.getByRole("button", { name: "作る", exact: true }).click();
      await page.getByRole("dialog").locator("code").waitFor();
    });
  } finally {
    await rm(trail).catch(() => {});
    await rename(`${trail}.away`, trail).catch(() => {});
  }
});

test("without the daemon the page says so, and who is known gets in to look", async () => {
  await rename(SOCKET, `${SOCKET}.away`);
  try {
    await withPage({}, async (page) => {
      await page.goto(PAGE);
      await logIn(page, "admin", PASSWORD);
      await page.getByText("装置の本体プログラムから返事がありません").first().waitFor();
      await rename(`${SOCKET}.away`, SOCKET);
      await page.getByText("装置の本体プログラムから返事がありません").first().waitFor({ state: "detached" });
      await page.getByText("使用中").first().waitFor();
    });
  } finally {
    await rename(`${SOCKET}.away`, SOCKET).catch(() => {});
  }
});
