// A clock that is wrong, the browser's or the box's: the page says so, and what it does to codes and certificates.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { asAdministrator, keep, logIn, on, PAGE, PASSWORD, withPage } from "./clerk.mjs";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** By how much the box goes before everybody else, as faketime writes it. */
const AHEAD = "+3h";

const notice = (page) => page.locator(".notice-warn", { hasText: "装置の時計とこのPCの時計が" });

test("clocks that agree are no matter", () =>
  withPage({}, async (page) => {
    await asAdministrator(page);
    await page.getByText("使用中").first().waitFor();
    assert.equal(await notice(page).count(), 0);
  }));

for (const [name, apart, told] of [
  ["three hours late", -3 * HOUR, "3時間違います"],
  ["eight years early", 8 * 365 * DAY, "2920日違います"],
]) {
  test(`the PC's clock is ${name}`, () =>
    withPage({}, async (page) => {
      await page.clock.install({ time: Date.now() + apart });
      await page.goto(PAGE);
      const shown = notice(page);
      await shown.getByText(told).waitFor();
      // Before the login nobody knows which of the two is right.
      await shown.getByText("このPCの時計が違うときは直してください").waitFor();
      await shown.getByText("ブラウザが期限切れと知らせることがあります").waitFor();
      await keep(page, `clock-${name.replaceAll(" ", "-")}`);
      await logIn(page, "admin", PASSWORD);
      await page.getByRole("navigation", { name: "メニュー" }).waitFor();
      await shown.getByText(told).waitFor();
      await shown.getByText(/装置の時計は、時刻サーバと合ってい(ます|ません)/).waitFor();
    }));
}

/** The code of a second factor that a phone shows at a time (RFC 6238). */
function codeAt(secret, time) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(time / 30_000)));
  const hash = createHmac("sha1", key).update(step).digest();
  const number = hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** The page's process and how it was started. */
async function running() {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0").slice(0, -1);
    if (words[0]?.endsWith("/sekisho-web")) return { pid: Number(pid), words };
  }
  throw new Error("the page doesn't run");
}

/** Starts the page anew, with these words before its own, and waits until it answers. */
async function restart({ pid, words }, ...before) {
  process.kill(pid, "SIGTERM");
  // One that nobody has asked for its end yet is a zombie.
  const isOver = async () => /\) Z/.test(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z"));
  await until(isOver, "the page doesn't end");
  spawn("ip", ["netns", "exec", "gateway", ...before, ...words], { stdio: "ignore", detached: true }).unref();
  await until(() => on("clerk", "curl", "-sko", "/dev/null", PAGE).then(() => true, () => false), "the page doesn't start");
}

async function until(isSo, otherwise) {
  const end = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(otherwise);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("the box's clock is three hours early: right codes are refused, and the page says why", async () => {
  let recovery;
  const secret = await withPage({}, async (page) => {
    await asAdministrator(page);
    await page.goto(`${PAGE}#/care`);
    await page.getByRole("button", { name: "使い始める" }).click();
    const secret = (await page.locator("code.secret").innerText()).replace(/\s/g, "");
    await page.getByLabel("アプリに出た6桁の番号").fill(codeAt(secret, Date.now()));
    await page.getByRole("button", { name: "確かめて使い始める" }).click();
    recovery = await page.getByRole("dialog").locator("li").first().innerText();
    return secret;
  });
  try {
    await restart(await running(), "faketime", "-f", AHEAD);
    await withPage({}, async (page) => {
      await page.goto(PAGE);
      await notice(page).getByText("3時間違います").waitFor();
      await logIn(page, "admin", PASSWORD);
      const code = page.getByLabel("確認コード");
      await code.fill(codeAt(secret, Date.now()));
      await page.getByRole("button", { name: "ログイン", exact: true }).click();
      await page.getByText("確認コードが違います").waitFor();
      await notice(page).getByText("装置の時計が違う間は、正しいコードも断られます").waitFor();
      await keep(page, "clock-code-refused");
      await code.fill(recovery);
      await page.getByRole("button", { name: "ログイン", exact: true }).click();
      await page.getByRole("navigation", { name: "メニュー" }).waitFor();
      await page.goto(`${PAGE}#/care`);
      await page.getByLabel("今のパスワード").last().fill(PASSWORD);
      await page.getByRole("button", { name: "使うのをやめる" }).click();
      await page.getByRole("button", { name: "使い始める" }).waitFor();
    });
  } finally {
    await restart(await running());
  }
});
