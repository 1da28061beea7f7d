// Every page of a device in service: free of what axe finds, in both languages and themes, at a desk and on a phone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessibility, firstLogin, keep, logIn, PAGE, PASSWORD, withPage } from "./clerk.mjs";

const PAGES = ["status", "design", "apply", "check", "explain", "names", "traffic", "logs", "care", "help"];
const PHONE = { viewport: { width: 360, height: 740 } };

test("the first password opens once and is changed", () =>
  withPage({}, async (page) => {
    await firstLogin(page);
    assert.match(page.url(), /#\/status|\/$/);
  }));

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
