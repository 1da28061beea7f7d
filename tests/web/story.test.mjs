// The clerk's whole story at a new box, in Japanese, with the keys and eyes of a browser.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import {
  apply, file, firstLogin, keep, logIn, on, PAGE, PASSWORD, SCREENSHOTS, site, status, withPage, write,
} from "./clerk.mjs";

/** The device on its maintenance port, as the sample designs it. */
const NEW = "https://192.168.254.1/";
/** A network where the clerk's PC has no address. */
const OUT_OF_REACH = "192.168.250.1";
/** How long a change waits that nobody confirms, the shortest that the page offers; and the box's way back. */
const MINUTE = 90_000;

test("from the first login to a report", () =>
  withPage({}, async (page) => {
    const { site: design, profile } = site("1-office");
    await firstLogin(page);
    await page.goto(`${PAGE}#/design`);
    await page.getByLabel("接続情報のファイルを選ぶ").setInputFiles(file("platform-profile.toml", profile));
    await write(page, PAGE, design);
    await page.getByText("確かめました").waitFor();
    await keep(page, "story-1-written");

    // The first design moves the box from the address of first contact to the designed one, and the page with it.
    await apply(page, 120);
    await page.getByText("6桁の番号").first().waitFor();
    await keep(page, "story-2-carry");
    await page.getByRole("link", { name: "すぐに移る" }).click();
    await page.waitForURL((url) => url.href.startsWith(NEW));
    await page.getByRole("navigation", { name: "メニュー" }).waitFor();
    assert.equal(new URL(page.url()).hash.includes("confirm"), false, "the token stays in no address");
    const kept = await status();
    assert.equal(kept.generation, 1);
    assert.equal(kept.awaiting, undefined);
    await page.goto(`${NEW}#/status`);
    await page.getByText("使用中").first().waitFor();
    const seen = await on("terminal", "curl", "-sS", "--max-time", "10", "http://100.72.1.10/source");
    assert.equal(seen.trim(), "100.64.10.30");

    // A change that locks the clerk out takes itself back.
    await write(page, NEW, design.replace("192.168.254.1/24", `${OUT_OF_REACH}/24`));
    await apply(page, 60);
    await page.getByText("6桁の番号").first().waitFor();
    assert.match(await page.locator("main").innerText(), new RegExp(OUT_OF_REACH));
    await page.getByRole("button", { name: "移らずに待つ" }).click();
    await page.getByText("前の変更は元に戻りました").waitFor({ timeout: MINUTE });
    await keep(page, "story-3-back");
    const back = await status();
    assert.equal(back.generation, 1);
    assert.match(back.returned.why, /confirm/);

    // The connection check, and its report on paper.
    await page.goto(`${NEW}#/check`);
    await page.getByRole("button", { name: "接続確認を始める" }).click();
    await page.getByText("報告書").first().waitFor({ timeout: 240_000 });
    await keep(page, "story-4-checked");
    const paper = await page.pdf({ format: "A4" });
    await writeFile(`${SCREENSHOTS}/report.pdf`, paper);
    assert.ok(paper.length > 20_000, `${paper.length} bytes of paper`);
    const { records, next: _ } = await page.evaluate(async () => (await fetch("/api/audit?limit=50")).json());
    const did = records.map((record) => record.what);
    for (const what of ["POST /api/login", "POST /api/password", "POST /api/apply", "POST /api/self-test"]) {
      assert.ok(did.includes(what), `the trail lacks ${what}: ${did}`);
    }
  }));

test("the same user comes back with the password of his own", () =>
  withPage({}, async (page) => {
    await page.goto(NEW);
    await logIn(page, "admin", "wrong password wrong");
    await page.getByText("利用者名かパスワードが違います").waitFor();
    await logIn(page, "admin", PASSWORD);
    await page.getByRole("navigation", { name: "メニュー" }).waitFor();
  }));
