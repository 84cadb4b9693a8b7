import type { Page } from "@playwright/test";

/** What a page's player has really shown and sounded over a moment. */
export interface Watched {
  frames: number;
  width: number;
  height: number;
  /** How many of the looked-at pictures differed from the one before. */
  changes: number;
  /** The colour in the middle of the left half, 0-255 each. */
  left: [number, number, number];
  /** Highest root mean square of the sound, 0-1. */
  loudness: number;
}

/** Looks at and listens to the page's only playing video for `ms`. */
export function watch(page: Page, ms = 2_500): Promise<Watched> {
  return page.evaluate(async (length) => {
    const video = [...document.querySelectorAll("video")].find((v) => v.readyState >= 2 && v.videoWidth > 0);
    if (!video) throw new Error("no video has a picture");
    const context = new AudioContext();
    await context.resume();
    const capture = (video as HTMLVideoElement & { captureStream(): MediaStream }).captureStream();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream(capture.getAudioTracks())).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const canvas = document.createElement("canvas");
    canvas.width = 64;
    canvas.height = 36;
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    if (!drawing) throw new Error("no canvas");
    const before = video.getVideoPlaybackQuality().totalVideoFrames;
    let [changes, loudness, last] = [0, 0, ""];
    let left: [number, number, number] = [0, 0, 0];
    const end = performance.now() + length;
    while (performance.now() < end) {
      await new Promise((done) => setTimeout(done, 100));
      drawing.drawImage(video, 0, 0, 64, 36);
      const pixels = drawing.getImageData(0, 0, 64, 36).data;
      const at = (18 * 64 + 16) * 4;
      left = [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0];
      const now = pixels.join();
      if (last !== "" && now !== last) changes++;
      last = now;
      analyser.getFloatTimeDomainData(samples);
      loudness = Math.max(loudness, Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length));
    }
    for (const track of capture.getTracks()) track.stop();
    await context.close();
    return {
      frames: video.getVideoPlaybackQuality().totalVideoFrames - before,
      width: video.videoWidth,
      height: video.videoHeight,
      changes,
      left,
      loudness,
    };
  }, ms);
}

/** What a page's PeerConnections have received in all. */
export interface Received {
  /** Frames decoded, of each incoming video that decodes any, with its size. */
  videos: { framesDecoded: number; width: number; height: number }[];
  /** Energy of all incoming sound (webrtc-stats `totalAudioEnergy`). */
  audioEnergy: number;
  /** The states of the connections that are not closed. */
  states: string[];
}

/** Keeps each PeerConnection that the page makes where `received` finds it. To be called before the page loads. */
export async function keepConnections(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const kept: RTCPeerConnection[] = [];
    Object.defineProperty(window, "keptConnections", { value: kept });
    const Real = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Real {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        kept.push(this);
      }
    };
  });
}

/** Reads what the page has received by WebRTC. */
export function received(page: Page): Promise<Received> {
  return page.evaluate(async () => {
    const kept = (window as unknown as { keptConnections: RTCPeerConnection[] }).keptConnections;
    const got: Received = { videos: [], audioEnergy: 0, states: [] };
    for (const connection of kept.filter((c) => c.connectionState !== "closed")) {
      got.states.push(connection.connectionState);
      for (const stat of (await connection.getStats()).values()) {
        if (stat.type !== "inbound-rtp") continue;
        if (stat.kind === "audio") got.audioEnergy += stat.totalAudioEnergy ?? 0;
        if (stat.kind === "video" && stat.framesDecoded > 0) {
          got.videos.push({ framesDecoded: stat.framesDecoded, width: stat.frameWidth ?? 0, height: stat.frameHeight ?? 0 });
        }
      }
    }
    return got;
  });
}
