import type { Edge, Engine, EngineEvents, Figures, Start } from "./engine";

/** What Safari's element has beyond the standard. */
interface WithStartDate {
  getStartDate?: () => Date;
}

/** Lets the browser play by itself: iPhones, which have no Media Source that hls.js could use. It keeps its own distance from the live edge. */
export class NativeEngine implements Engine {
  readonly #video: HTMLVideoElement;
  readonly #forget: () => void;

  constructor(video: HTMLVideoElement, url: string, start: Start, events: EngineEvents) {
    this.#video = video;
    const ready = () => {
      if (start !== "live") {
        const position = this.positionOf(start.at);
        if (position !== null) video.currentTime = position;
      }
      events.onready([]);
    };
    const failed = () => events.onfailed(video.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED && video.readyState > 0 ? { kind: "unsupported" } : { kind: "broken" });
    video.addEventListener("loadedmetadata", ready);
    video.addEventListener("playing", events.onbuffered);
    video.addEventListener("error", failed);
    this.#forget = () => {
      video.removeEventListener("loadedmetadata", ready);
      video.removeEventListener("playing", events.onbuffered);
      video.removeEventListener("error", failed);
    };
    video.src = url;
  }

  edge(): Edge | null {
    return null;
  }

  dateAt(position: number): number | null {
    const zero = (this.#video as WithStartDate).getStartDate?.().getTime() ?? NaN;
    return Number.isNaN(zero) ? null : zero + position * 1000;
  }

  positionOf(at: number): number | null {
    const zero = this.dateAt(0);
    return zero === null ? null : (at - zero) / 1000;
  }

  span(): { from: number; to: number } | null {
    const { seekable } = this.#video;
    if (seekable.length === 0) return null;
    const [from, to] = [this.dateAt(seekable.start(0)), this.dateAt(seekable.end(seekable.length - 1))];
    return from === null || to === null ? null : { from, to };
  }

  choose(): void {
    // The browser chooses.
  }

  figures(): Figures | null {
    const { videoWidth: width, videoHeight: height } = this.#video;
    return { protocol: "HLS", width, height, frameRate: 0, bitrateBps: 0, codecs: "", bandwidthBps: 0 };
  }

  destroy(): void {
    this.#forget();
    this.#video.removeAttribute("src");
    this.#video.load();
  }
}
