import { describe, expect, it } from "vitest";
import { isOnAir, showingOf } from "./showing";

const playing = { state: "live", playback: "playing", problem: null, trouble: false, needsClick: false } as const;

describe("what a viewer sees", () => {
  it.each([
    ["the picture while it plays", {}, "picture"],
    ["the picture while it is paused", { playback: "paused" }, "picture"],
    ["that it comes, before the first picture", { playback: "starting" }, "starting"],
    ["that it waits for more", { playback: "stalled" }, "stalled"],
    ["that it has not begun", { state: "waiting", playback: "idle" }, "waiting"],
    ["that it is about to begin", { state: "preview", playback: "idle" }, "preview"],
    ["a moderator's preview, over its picture", { state: "preview" }, "preview"],
    ["that a preview waits for more", { state: "preview", playback: "stalled" }, "stalled"],
    ["that it ended", { state: "ended", playback: "idle" }, "ended"],
    ["that the broadcaster is gone, over the last picture", { state: "interrupted" }, "interrupted"],
    ["a button where the browser wants a click", { needsClick: true, playback: "starting" }, "click"],
    ["that the network is in the way", { trouble: true, playback: "starting" }, "trouble"],
    ["that no place is free, whatever else is", { problem: "room_full", playback: "refused", trouble: true }, "room_full"],
    ["that it waits, in a state made later", { state: "made_later", playback: "idle" }, "waiting"],
  ] as const)("%s", (_name, change, showing) => {
    expect(showingOf({ ...playing, ...change })).toBe(showing);
  });

  it("a show is on with its slate, and not in preview", () => {
    expect(["waiting", "preview", "live", "interrupted", "ended"].filter(isOnAir)).toEqual(["live", "interrupted"]);
  });
});
