import { describe, expect, it } from "vitest";
import { actOf } from "./player-keys";
import { spanWords } from "./span";

const keyless = (name: string, more: Partial<KeyboardEvent> = {}) => ({ key: name, ctrlKey: false, metaKey: false, altKey: false, defaultPrevented: false, target: null, ...more }) as KeyboardEvent;

describe("the player's keys", () => {
  it("are those that players have", () => {
    const acts = [" ", "k", "m", "f", "l", "ArrowLeft", "ArrowRight", "ArrowUp", "Home", "End"].map((name) => actOf(keyless(name), undefined));
    expect(acts).toEqual(["toggle", "toggle", "mute", "fullscreen", "live", "back", "forward", "louder", "start", "live"]);
  });

  it("work in capitals, and not with a control key, nor for what is no key of theirs", () => {
    expect(actOf(keyless("M"), undefined)).toBe("mute");
    expect(actOf(keyless("l", { ctrlKey: true }), undefined)).toBeNull();
    expect(actOf(keyless("constructor"), undefined)).toBeNull();
  });
});

describe("a length of time", () => {
  it.each([[4_600, "0:05"], [754_000, "12:34"], [3_723_000, "1:02:03"], [-5, "0:00"]])("%d ms is %s", (ms, words) => expect(spanWords(ms)).toBe(words));
});
