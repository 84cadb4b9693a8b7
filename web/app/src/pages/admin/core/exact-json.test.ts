import { describe, expect, it } from "vitest";
import { ExactNumber, isExactNumber, memberObject, parseExact, writeExact } from "./exact-json";

describe("exact JSON", () => {
  it.each([
    '{"billing":12345678901234567890,"rate":1.10,"tiny":1e-400,"minus":-0}',
    '{"a":"12","b":"n5","c":"s","d":"he said \\"7\\"","e":"\\\\","f":"\\u0031"}',
    '[1,"1",true,false,null,[],{}]',
    '{"":0,"n1":"","1":2}',
    '"only text"',
    "0.0",
  ])("comes back as it was written: %s", (text) => {
    const again = writeExact(parseExact(text));
    expect(parseExact(again)).toEqual(parseExact(text));
    for (const [digits] of text.replace(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/-?\d[\d.eE+-]*/g)) expect(again).toContain(digits);
  });

  it("keeps the text of a number that Number would round", () => {
    const parsed = memberObject(parseExact('{"m":{"id":9007199254740993}}'), "m");
    expect(parsed["id"]).toEqual(new ExactNumber("9007199254740993"));
    expect(writeExact(parsed)).toBe('{"id":9007199254740993}');
  });

  it("knows JSON's numbers from what only looks like one", () => {
    for (const text of ["0", "-1", "1.50", "1e9", "-0.0E-12"]) expect(isExactNumber(text)).toBe(true);
    for (const text of ["", "01", "+1", "1.", ".5", "0x1", "NaN", "1 ", "1,5"]) expect(isExactNumber(text)).toBe(false);
  });

  it("refuses what is no JSON", () => {
    expect(() => parseExact("{")).toThrow(SyntaxError);
    expect(() => parseExact("01")).toThrow(SyntaxError);
    expect(() => new ExactNumber("01")).toThrow(RangeError);
  });

  it("gives an empty object for a member that is none", () => {
    expect(memberObject(parseExact('{"m":[]}'), "m")).toEqual({});
    expect(memberObject(parseExact("null"), "m")).toEqual({});
  });
});
