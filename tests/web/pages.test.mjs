// Every page of a device in service: free of what axe finds, in both languages and themes, at a desk and on a phone.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { accessibility, asAdministrator, keep, logIn, PAGE, PASSWORD, withPage } from "./clerk.mjs";

const PAGES = ["status", "design", "apply", "check", "explain", "names", "traffic", "logs", "care", "help"];
/** Every page's tabs beyond its first. */
const TABS = [
  "design/tables", "design/text", "design/compare", "design/print", "explain/refusals", "traffic/hosts", "traffic/classes",
  "traffic/ports", "logs/audit", "care/users", "care/generations", "care/backup", "care/update",
  "care/box",
];
const PHONE = { viewport: { width: 360, height: 740 } };

before(() => withPage({}, asAdministrator));

for (const [theme, language] of [["light", "ja"], ["dark", "ja"], ["light", "en"], ["dark", "en"]]) {
  test(`nothing bars the way on any page: ${theme}, ${language}`, () =>
    withPage({ colorScheme: theme }, async (page) => {
      await page.goto(PAGE);
      const problems = (await accessibility(page)).map((line) => `login: ${line}`);
      await logIn(page, "admin", PASSWORD);
      await page.getByRole("navigation").waitFor();
      if (language === "en") await page.getByRole("combobox", { name: /Language/ }).selectOption("en");
      for (const name of PAGES) {
        await page.goto(`${PAGE}#/${name}`);
        await page.locator(`nav#nav a[href='#/${name}'][aria-current=page]`).waitFor();
        await page.locator("main h1").waitFor();
        await page.waitForTimeout(500);
        problems.push(...(await accessibility(page)).map((line) => `${name}: ${line}`));
        if (language === "ja") await keep(page, `${name}-${theme}`);
      }
      assert.deepEqual(problems, []);
    }));
}

test("every tab of every page has what it shows", () =>
  withPage({}, async (page) => {
    await page.goto(PAGE);
    await logIn(page, "admin", PASSWORD);
    await page.getByRole("navigation", { name: "メニュー" }).waitFor();
    const problems = [];
    for (const name of TABS) {
      await page.goto(`${PAGE}#/${name}`);
      await page.locator(`main nav.tabs a[href='#/${name}'][aria-current=page]`).waitFor();
      await page.getByText("読み込んでいます…").waitFor({ state: "detached" });
      problems.push(...(await accessibility(page)).map((line) => `${name}: ${line}`));
      problems.push(...(await page.locator("main .notice-bad").allInnerTexts()).map((text) => `${name}: ${text}`));
      await keep(page, name.replace("/", "-"));
    }
    assert.deepEqual(problems, []);
  }));

test("a phone shows every page without scrolling sideways", () =>
  withPage(PHONE, async (page) => {
    await page.goto(PAGE);
    await logIn(page, "admin", PASSWORD);
    await page.getByRole("button", { name: "メニュー" }).waitFor();
    const wide = [];
    for (const name of PAGES) {
      await page.goto(`${PAGE}#/${name}`);
      await page.locator("main h1").waitFor();
      await page.waitForTimeout(300);
      const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      if (content > screen) wide.push(`${name}: ${content} px`);
    }
    assert.deepEqual(wide, []);
  }));
