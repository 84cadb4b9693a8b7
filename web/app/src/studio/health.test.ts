import { describe, expect, it } from "vitest";
import { healthOf, readingOf, type Reading } from "./health";

const meant = { framesPerSecond: 30, screen: false, sound: true };
const at = (more: Partial<Reading>): Reading => ({ atMs: 0, bytes: 0, packets: 0, lost: 0, frames: 0, width: 1280, height: 720, codec: "video/H264", limit: "none", roundTripMs: 20, targetBps: null, ...more });

describe("the health of a broadcast", () => {
  it("is what changed from one reading to the next", () => {
    const health = healthOf(at({ bytes: 1000, packets: 10, frames: 10 }), at({ atMs: 2000, bytes: 626_000, packets: 510, frames: 70 }), meant);
    expect(health).toMatchObject({ bitrateBps: 2_500_000, framesPerSecond: 30, width: 1280, height: 720, roundTripMs: 20, loss: 0, codec: "H264", concerns: [] });
  });

  const later = { atMs: 1000, bytes: 300_000, packets: 300, frames: 30 };
  it.each([
    ["says when nothing goes out", at({ atMs: 1000, frames: 30 }), meant, ["nothing_sent"]],
    ["says when packets are lost", at({ ...later, lost: 30 }), meant, ["losses"]],
    ["says when the network keeps it down", at({ ...later, limit: "bandwidth" }), meant, ["weak_network"]],
    ["says when the computer keeps it down", at({ ...later, limit: "cpu" }), meant, ["slow_computer"]],
    ["says when pictures are too few", at({ ...later, frames: 10 }), meant, ["slow_computer"]],
    ["takes few pictures of a screen for what they are", at({ ...later, frames: 1 }), { ...meant, screen: true }, []],
    ["says when not every screen plays it", at({ ...later, codec: "video/VP9" }), meant, ["codec"]],
    ["says when nobody is heard", at(later), { ...meant, sound: false }, ["no_sound"]],
  ])("%s", (_, now, wanted, concerns) => {
    expect(healthOf(at({}), now, wanted).concerns).toEqual(concerns);
  });

  it("reads what browsers report", () => {
    const reading = readingOf(
      [
        { type: "codec", id: "c", mimeType: "video/H264" },
        { type: "outbound-rtp", kind: "video", bytesSent: 1000, packetsSent: 4, framesEncoded: 7, frameWidth: 640, frameHeight: 360, qualityLimitationReason: "cpu", codecId: "c", targetBitrate: 5 },
        { type: "outbound-rtp", kind: "audio", bytesSent: 100, packetsSent: 2 },
        { type: "remote-inbound-rtp", packetsLost: 3, roundTripTime: 0.0124 },
        { type: "remote-inbound-rtp", packetsLost: -1 },
      ],
      9,
    );
    expect(reading).toEqual({ atMs: 9, bytes: 1100, packets: 6, lost: 3, frames: 7, width: 640, height: 360, codec: "video/H264", limit: "cpu", roundTripMs: 12, targetBps: 5 });
  });
});
