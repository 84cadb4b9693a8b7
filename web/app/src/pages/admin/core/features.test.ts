import { describe, expect, it } from "vitest";
import { comesLater, features, featuresOf, featuresPatch, fieldOf } from "./features";

const find = (name: string) => {
  const found = features.find((feature) => feature.name === name);
  if (!found) throw new Error(name);
  return found;
};

describe("features in the form", () => {
  it("patch only what was changed", () => {
    const stored = { chat: false, embed_origins: ["https://a.test"] };
    const fields = Object.fromEntries(featuresOf("live").map((feature) => [feature.name, fieldOf(feature, stored)]));
    expect(featuresPatch("live", stored, fields)).toEqual({});
    expect(featuresPatch("live", stored, { ...fields, chat: true, embed_origins: "https://a.test\nhttps://b.test:8443 ", reconnect_window_seconds: "120" })).toEqual({
      chat: true,
      embed_origins: ["https://a.test", "https://b.test:8443"],
      reconnect_window_seconds: 120,
    });
  });

  it("leave a wrong number for the server to refuse, and go back to the standard when emptied", () => {
    expect(featuresPatch("live", {}, { reconnect_window_seconds: "soon" })).toEqual({ reconnect_window_seconds: "soon" });
    expect(featuresPatch("live", { reconnect_window_seconds: 5 }, { reconnect_window_seconds: "" })).toEqual({ reconnect_window_seconds: null });
  });

  it("take a ladder as a word or as heights", () => {
    expect(featuresPatch("live", {}, { transcode: "Auto" })).toEqual({ transcode: "auto" });
    expect(featuresPatch("live", {}, { transcode: "720, 480" })).toEqual({ transcode: [720, 480] });
    expect(featuresPatch("live", { transcode: [720, 480] }, { transcode: "720, 480" })).toEqual({});
  });

  it("know what has not come yet, and believe the server when it has", () => {
    expect(comesLater(find("recording"), {}, { recording: false })).toBe(true);
    expect(comesLater(find("recording"), { recording: true }, { recording: false })).toBe(true);
    expect(comesLater(find("recording"), { recording: true }, { recording: true })).toBe(false);
    expect(comesLater(find("webrtc_playback"), {}, { webrtc_playback: true })).toBe(false);
    expect(comesLater(find("webrtc_playback"), {}, { webrtc_playback: false })).toBe(true);
    expect(comesLater(find("low_latency"), { low_latency: false }, { low_latency: false })).toBe(false);
    expect(comesLater(find("chat"), { chat: false }, { chat: false })).toBe(false);
  });
});
