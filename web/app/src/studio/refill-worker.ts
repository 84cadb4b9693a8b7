import { refill } from "./refill";

/** How long nothing may come of a screen: half a part of the playlist, so that each has a picture. */
const everyMs = 100;

interface Pixels {
  of: VideoFrame;
  data: ArrayBuffer;
  shape: Omit<VideoFrameBufferInit, "timestamp">;
}

let kept: Pixels | null = null;

async function pixelsOf(picture: VideoFrame, format: VideoPixelFormat, { width, height }: DOMRectReadOnly): Promise<Pixels> {
  const data = new ArrayBuffer(picture.allocationSize());
  const layout = await picture.copyTo(data);
  const shape = { format, layout, codedWidth: width, codedHeight: height, displayWidth: picture.displayWidth, displayHeight: picture.displayHeight, colorSpace: picture.colorSpace.toJSON() };
  return { of: picture, data, shape };
}

/**
 * A picture of the same pixels at another time. A mere clone would keep the time of its capture, which Chromium hides, and by which
 * its encoder drops what it has had.
 */
async function restamp(picture: VideoFrame, timestamp: number): Promise<VideoFrame> {
  // Pixels that cannot be read are a canvas's, which has no time of capture.
  if (picture.format === null || !picture.visibleRect) return new VideoFrame(picture, { timestamp });
  if (kept?.of !== picture) kept = await pixelsOf(picture, picture.format, picture.visibleRect);
  return new VideoFrame(kept.data, { ...kept.shape, timestamp });
}

self.addEventListener("message", ({ data }: MessageEvent<{ from: ReadableStream<VideoFrame>; to: WritableStream<VideoFrame> }>) => {
  void refill(data.from, data.to, everyMs, restamp).then(() => self.close());
});
