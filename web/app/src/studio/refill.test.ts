import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { refill, type Picture } from "./refill";

class Frame implements Picture {
  static open = 0;
  closed = false;
  constructor(
    readonly shows: string,
    readonly timestamp: number,
  ) {
    Frame.open++;
  }
  close(): void {
    Frame.open--;
    this.closed = true;
  }
}

/** A capture, and what came out of it. To repeat a picture takes `tookMs`, and fails if it is closed meanwhile. */
function begin(tookMs = 0) {
  const out: Frame[] = [];
  let capture!: ReadableStreamDefaultController<Frame>;
  let gone = false;
  const from = new ReadableStream<Frame>({ start: (c) => void (capture = c), cancel: () => void (gone = true) });
  let refuse = false;
  const to = new WritableStream<Frame>({
    write: (frame) => {
      if (refuse) throw new Error("the track has ended");
      out.push(frame);
      frame.close();
    },
  });
  const done = refill(from, to, 100, async (frame, timestamp) => {
    if (tookMs > 0) await new Promise((resolve) => setTimeout(resolve, tookMs));
    if (frame.closed) throw new Error("the picture is closed");
    return new Frame(frame.shows, timestamp);
  });
  return { out, capture, done, stop: () => (refuse = true), gone: () => gone };
}

describe("refill", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    Frame.open = 0;
  });
  afterEach(() => void vi.useRealTimers());

  it("shows the last picture again while none comes, and goes on with the next", async () => {
    const { out, capture, done } = begin();
    await vi.advanceTimersByTimeAsync(500);
    expect(out, "before the first picture").toEqual([]);
    capture.enqueue(new Frame("a", 5_000_000));
    await vi.advanceTimersByTimeAsync(350);
    capture.enqueue(new Frame("b", 5_350_000));
    await vi.advanceTimersByTimeAsync(120);
    expect(out.map(({ shows, timestamp }) => `${shows} ${timestamp / 1000}`)).toEqual(["a 5000", "a 5100", "a 5200", "a 5300", "b 5350", "b 5450"]);
    capture.close();
    await done;
    expect(Frame.open, "pictures left open").toBe(0);
  });

  it("adds nothing to pictures that come often enough", async () => {
    const { out, capture, done } = begin();
    for (let n = 0; n < 10; n++) {
      capture.enqueue(new Frame(`${n}`, n * 33_000));
      await vi.advanceTimersByTimeAsync(33);
    }
    capture.close();
    await done;
    expect(out.map(({ timestamp }) => timestamp)).toEqual([0, 33, 66, 99, 132, 165, 198, 231, 264, 297].map((ms) => ms * 1000));
  });

  it("never goes back in time, as when a picture was captured before its forerunner was shown again", async () => {
    const { out, capture, done } = begin();
    capture.enqueue(new Frame("a", 0));
    await vi.advanceTimersByTimeAsync(105);
    capture.enqueue(new Frame("b", 90_000));
    await vi.advanceTimersByTimeAsync(10);
    capture.close();
    await done;
    expect(out.map(({ shows, timestamp }) => `${shows} ${timestamp}`)).toEqual(["a 0", "a 100000", "b 101000"]);
  });

  it("goes on when a picture comes while the one before is being repeated", async () => {
    const { out, capture, done, gone } = begin(20);
    capture.enqueue(new Frame("a", 0));
    await vi.advanceTimersByTimeAsync(130); // written after 20 ms, to be repeated from 120 on
    capture.enqueue(new Frame("b", 130_000));
    await vi.advanceTimersByTimeAsync(100);
    expect(gone()).toBe(false);
    expect(out.map(({ shows }) => shows)).toEqual(["a", "a", "b"]);
    capture.close();
    await vi.advanceTimersByTimeAsync(100);
    await done;
    expect(Frame.open, "pictures left open").toBe(0);
  });

  it("lets go of the capture when the track it writes to has ended", async () => {
    const { capture, done, stop, gone } = begin();
    capture.enqueue(new Frame("a", 0));
    await vi.advanceTimersByTimeAsync(50);
    stop();
    await vi.advanceTimersByTimeAsync(100);
    await done;
    expect(gone()).toBe(true);
    expect(Frame.open, "pictures left open").toBe(0);
  });
});
