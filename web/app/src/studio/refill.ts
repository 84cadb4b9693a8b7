/** One more picture like `picture`, with another time in microseconds. */
export type Restamp<P> = (picture: P, timestamp: number) => P | Promise<P>;

/** What is used of a VideoFrame. */
export interface Picture {
  readonly timestamp: number;
  close(): void;
}

/** The least time between two pictures, in microseconds: encoders count milliseconds, and drop the second of two in one. */
const leastStep = 1_000;

/**
 * Passes pictures on, and the last one again whenever none has come for `everyMs`, until either end closes. Its times are those of
 * the capture, and always go on.
 */
export async function refill<P extends Picture>(from: ReadableStream<P>, to: WritableStream<P>, everyMs: number, restamp: Restamp<P>): Promise<void> {
  const reader = from.getReader();
  const writer = to.getWriter();
  let last: P | null = null;
  let [cameAt, written] = [0, -Infinity];
  const write = async (at: number) => {
    if (!last) return;
    written = Math.max(at, written + leastStep);
    let picture: P | null = null;
    try {
      picture = await restamp(last, written);
      await writer.write(picture); // which closes it
    } catch {
      picture?.close();
      await reader.cancel(); // nobody takes pictures any more: the next read is the last
    }
  };
  // A picture must stay open until it is written: its successor waits for that.
  let repeating: Promise<void> | null = null;
  const again = () => {
    if (!last || repeating || (writer.desiredSize ?? 0) <= 0) return;
    repeating = write(last.timestamp + (performance.now() - cameAt) * 1_000).finally(() => (repeating = null));
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      clearInterval(timer);
      await repeating;
      last?.close();
      last = next.value;
      cameAt = performance.now();
      await write(last.timestamp);
      timer = setInterval(again, everyMs);
    }
  } finally {
    clearInterval(timer);
    await repeating;
    last?.close();
    last = null;
    await writer.close().catch(() => undefined);
  }
}
