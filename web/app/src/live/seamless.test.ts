import { describe, expect, it } from "vitest";
import { mayChange, nextQuality, type Loading } from "./seamless";

const segments = [
  { start: 10, end: 12 },
  { start: 12, end: 14 },
];
const middle = { len: 1.2, end: 13.2 };
const border = { len: 1.2, end: 14 };

describe("where a quality may change", () => {
  it.each([
    ["nothing is buffered", null, true],
    ["nothing is buffered here", { len: 0, end: 13 }, true],
    ["in the middle of the segment that is on the screen", { len: 1, end: 13.2 }, false],
    ["in the middle of one that is about to be on the screen", middle, false],
    ["a part before the end of a segment", { len: 1.2, end: 13.8 }, false],
    ["at the end of the last segment that is listed", border, true],
    ["where the sound ends a frame before the picture", { len: 1.2, end: 13.98 }, true],
    ["where the first segment that is listed begins", { len: 1.2, end: 10.01 }, true],
    ["in the segment that is being made", { len: 1.2, end: 14.4 }, false],
    ["in a segment that begins long after what is on the screen", { len: 2.5, end: 12.5 }, true],
    ["before all that is listed", { len: 5, end: 9 }, false],
  ])("%s", (_where, buffered, may) => expect(mayChange(buffered, segments)).toBe(may));
});

describe("the next quality", () => {
  const good = { loadError: 0, fragmentError: 0, details: { fragments: segments } };
  const slow = { ...good, fragmentError: 1 };
  const gone = { ...good, loadError: 1 };
  const loading = (buffered: Loading["buffered"], levels: Loading["levels"] = [good, good, good]): Loading => ({ levels, loadLevel: 1, buffered });

  it.each([
    ["a chosen one comes where a segment begins", loading(border), 2, 1, 2],
    ["a chosen one waits in the middle of a segment", loading(middle), 2, 1, 1],
    ["a chosen one comes before what hls.js would take", loading(border), 2, 0, 2],
    ["without one hls.js changes up where a segment begins", loading(border), -1, 2, 2],
    ["without one hls.js changes down where a segment begins", loading(border), -1, 0, 0],
    ["without one hls.js waits in the middle of a segment", loading(middle), -1, 0, 1],
    ["with nothing pending all stays, in the middle of a segment", loading(middle), -1, 1, 1],
    ["with nothing pending all stays where a segment begins", loading(border), -1, 1, 1],
    ["the chosen one that is loaded stays", loading(border), 1, 2, 1],
    ["a chosen one that does not load is left to hls.js", loading(border, [good, good, gone]), 2, 0, 0],
    ["a chosen one that is not there any more is left to hls.js", loading(border), 7, 0, 0],
    ["one whose media fails is left at once, for the chosen one", loading(middle, [good, slow, good]), 2, 0, 2],
    ["one whose playlist fails is left at once, as hls.js likes", loading(middle, [good, gone, good]), -1, 0, 0],
    ["the first one is not waited for", { ...loading(middle), loadLevel: -1 }, -1, 0, 0],
    ["one of which nothing is known yet waits", loading(middle, [good, { loadError: 0, fragmentError: 0 }, good]), 2, 0, 1],
  ])("%s", (_rule, known, chosen, automatic, next) => expect(nextQuality(known, chosen, () => automatic)).toBe(next));

  it("does not ask hls.js before it may change: its answer would count as given", () => {
    const never = (): number => {
      throw new Error("asked");
    };
    expect(nextQuality(loading(middle), -1, never)).toBe(1);
    expect(nextQuality(loading(border), 2, never)).toBe(2);
  });
});
