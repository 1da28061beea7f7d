// The clerk's PC: a real browser in the lab, beside the device's maintenance port.
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const run = promisify(execFile);
const here = (path) => new URL(path, import.meta.url).pathname;

/** The page's address, as `sekisho-lab` says it. */
export const PAGE = process.env.LAB_PAGE;
/** The administrator's password on the console of a new box. */
export const FIRST_PASSWORD = readFileSync(here("../lab/keys/first-password"), "utf8").trim();
/** What the clerk chooses in its place. */
export const PASSWORD = "hashi wo wataru kaze";
/** How long the device may take for what it does at once. */
export const SOON = 30_000;
/** The browser on the clerk's PC. */
export const CHROMIUM = here("clerk-browser.sh");
/** The folder of screenshots: looked at, and kept where `SCREENSHOTS` says docs/images/page. */
export const SCREENSHOTS = process.env.SCREENSHOTS ?? here("../../target/page");

/** The two files of a sample site. */
export function site(name) {
  const text = (file) => readFileSync(here(`../../config-samples/${name}/${file}`), "utf8");
  return { site: text("site.toml"), profile: text("platform-profile.toml") };
}

/** Runs a program on one of the lab's hosts; its standard output. */
export async function on(host, ...words) {
  const { stdout } = await run("ip", ["netns", "exec", host, ...words], { timeout: 30_000 });
  return stdout;
}

/** `sekisho` on the device. */
export async function sekisho(...words) {
  const { stdout } = await run("sekisho", words, { timeout: 30_000 });
  return stdout;
}

/** Starts the browser, runs the story in a page of it, and ends it. Errors of the page's own scripts fail the story. */
export async function withPage(options, story) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, timeout: 60_000 });
  try {
    // Nobody but this box has signed its certificate; that the chain holds is another test's matter.
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      locale: "ja-JP",
      timezoneId: "Asia/Tokyo",
      viewport: { width: 1024, height: 768 },
      ...options,
    });
    context.setDefaultTimeout(SOON);
    const page = await context.newPage();
    const broken = [];
    page.on("pageerror", (error) => broken.push(error));
    const foreign = [];
    page.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol !== "data:" && !/^(172\.29\.113\.1|10\.|192\.168\.|172\.)/.test(hostname)) foreign.push(request.url());
    });
    const result = await story(page, context).catch(async (error) => {
      await keep(page, "failed").catch(() => {});
      throw error;
    });
    if (broken.length) throw new AggregateError(broken, `the page broke: ${broken[0]}`);
    if (foreign.length) throw new Error(`asked for outside of the box: ${foreign}`);
    return result;
  } finally {
    await browser.close();
  }
}

/** Logs in as the form asks. */
export async function logIn(page, user, password) {
  await page.getByLabel("利用者名").fill(user);
  await page.getByLabel("パスワード", { exact: true }).fill(password);
  await page.getByRole("button", { name: "ログイン", exact: true }).click();
}

/** A user's first login, with the change of the password that it forces. */
export async function firstLogin(page, user = "admin", first = FIRST_PASSWORD, password = PASSWORD) {
  await page.goto(PAGE);
  await logIn(page, user, first);
  await page.getByLabel("今のパスワード").fill(first);
  await page.getByLabel("新しいパスワード", { exact: true }).fill(password);
  await page.getByLabel("新しいパスワード（もう一度）").fill(password);
  await page.getByRole("button", { name: "変える" }).click();
  await page.getByRole("navigation").waitFor();
}

/** Logs the administrator in, whether or not somebody did before at this box. */
export async function asAdministrator(page) {
  await page.goto(PAGE);
  await logIn(page, "admin", PASSWORD);
  const wrong = page.getByText("利用者名かパスワードが違います");
  await page.getByRole("navigation", { name: "メニュー" }).or(wrong).first().waitFor();
  if (await wrong.isVisible()) await firstLogin(page);
}

/** A file as somebody chooses it. */
export const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

/** How the device is. */
export const status = async () => JSON.parse(await sekisho("status", "--format", "json"));

/** Opens the page of the design as a file, and puts another text there. */
export async function write(page, base, text) {
  await page.goto(`${base}#/design/text`);
  await page.getByLabel("TOMLを開く").setInputFiles(file("site.toml", text));
  await page.getByRole("textbox").last().waitFor();
}

/** Gives the draft back, so that the next test begins with what is in force. */
export async function release(page) {
  await page.getByRole("button", { name: "編集を終える" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "編集を終える" }).click();
  await page.getByText("あなたが編集しています").waitFor({ state: "detached" });
}

/** Applies what is written, with so many seconds to confirm it. */
export async function apply(page, seconds) {
  await page.getByRole("button", { name: "反映に進む" }).or(page.getByRole("link", { name: "反映に進む" })).first().click();
  await page.getByLabel("変更の理由").fill("導入");
  await page.getByRole("combobox", { name: "確かめる時間" }).or(page.getByLabel("確かめる時間")).first().selectOption(String(seconds));
  await page.getByRole("button", { name: "反映する", exact: true }).click();
}

/** What axe-core finds against WCAG 2.1 AA, one line each. */
export async function accessibility(page) {
  // By evaluation and not as a script element, which the page's own policy refuses.
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`));
}

/** Keeps what is on the screen. */
export async function keep(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
}
