// Of Chromium and its kin alone; TypeScript does not know them.
declare global {
  interface Window {
    MediaStreamTrackProcessor?: new (of: { track: MediaStreamTrack }) => { readable: ReadableStream<VideoFrame> };
    MediaStreamTrackGenerator?: new (of: { kind: "video" }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> };
  }
}

/**
 * A captured picture that never stands still for an encoder: what it shows comes again ten times a second. Browsers capture a tab on
 * which nothing moves once a second or not at all, encode nothing then, whatever the server asks for, and viewers would wait for the
 * next picture, with their sound. To encode the same picture again costs some ten bytes.
 *
 * A worker does it: timers of a page that is not seen, as behind what it shares, come once a second. Where the browser cannot do
 * this the track itself is given back. The captured track is still the one to be stopped.
 */
export function steady(track: MediaStreamTrack): MediaStreamTrack {
  const { MediaStreamTrackProcessor: Processor, MediaStreamTrackGenerator: Generator } = window;
  if (!Processor || !Generator) return track;
  const { readable: from } = new Processor({ track });
  const generator = new Generator({ kind: "video" });
  const to = generator.writable;
  const worker = new Worker(new URL("./refill-worker.ts", import.meta.url), { type: "module" });
  worker.postMessage({ from, to }, [from, to]);
  return generator;
}
