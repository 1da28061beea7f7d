import { expect, it } from "vitest";
import type { Report } from "../../../api/types";
import { fieldId, isWithin, Problems, perStep, stepOf } from "./problems";

const report = (path: string, severity: Report["severity"] = "error", file = "site.toml"): Report => ({
  code: "FORM-01",
  severity,
  file,
  line: 1,
  column: 1,
  path,
  sentence: { ja: "", en: "" },
  mend: { ja: "", en: "" },
});

const reports = [
  report("server[1].allow-from-platform[0].services[1]"),
  report("server[11].private"),
  report("server[1]"),
  report("names.entry[3].name", "warning"),
  report("", "error"),
  report("centre[0].probe", "error", "platform-profile.toml"),
];
const problems = new Problems(reports, "site.toml");

it("a problem shows at its field and at everything around it", () => {
  for (const path of [
    "server",
    "server[1]",
    "server[1].allow-from-platform",
    "server[1].allow-from-platform[0].services",
  ]) {
    expect(problems.under(path)).toContain(reports[0]);
  }
  expect(problems.under("server[1]")).not.toContain(reports[1]);
  expect(problems.under("server[1].private")).toEqual([]);
  expect(isWithin("server[11]", "server[1]")).toBe(false);
});

it("a problem of a row without a field of its own shows at the row", () => {
  expect(problems.beside("server[1]", ["name", "allow-from-platform"])).toEqual([reports[2]]);
  expect(problems.beside("server[1]", ["name"])).toEqual([reports[0], reports[2]]);
});

it("those of the profile are nobody's field, and are counted", () => {
  expect(problems.under("centre")).toEqual([]);
  expect(problems.count("error")).toBe(5);
});

it("each leads to the step that mends it", () => {
  expect(reports.map((one) => stepOf(one, "site.toml"))).toEqual([
    "servers",
    "servers",
    "servers",
    "names",
    "check",
    "start",
  ]);
  expect(perStep(reports, "site.toml").servers).toEqual({ errors: 3, warnings: 0 });
  expect(perStep(reports, "site.toml").names).toEqual({ errors: 0, warnings: 1 });
});

it("fields have ids that differ", () => {
  expect(fieldId("server[1].name")).not.toBe(fieldId("server[11].name"));
});
