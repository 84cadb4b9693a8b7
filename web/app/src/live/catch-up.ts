/** What a look at the player saw, in seconds of media. */
export interface Look {
  /** How far the picture is behind the live edge. */
  latency: number;
  /** How far it should be behind: what the playlist asks for (PART-HOLD-BACK or HOLD-BACK). */
  target: number;
  /** How much is buffered from the picture on, without a hole. */
  ahead: number;
  /** The length of a part, or of a segment where there are no parts. */
  piece: number;
}

/** What to do about it: play at a rate, or leave out so much. */
export type Step = { rate: number } | { skip: number };

/** Rates are kept to where nobody hears them; a change of pace is held until it has done its work. */
const gentle = 1.03;
const brisk = 1.05;
const fastest = 1.08;
const slow = 0.97;

/** Errors below this are left alone, so that the rate does not flutter. */
const startAt = 0.08;
const doneAt = 0.02;
/** Beyond this, catching up by pace would take too long. */
const farPieces = 5;
const farAtLeast = 1;
/** Between two jumps: the first one's picture should have come. */
const jumpEveryMs = 400;
/** How many stalls within `stallMemoryMs` say that the buffer is too small for this network, and what one more adds, in pieces. */
const stallsToYield = 2;
const stallMemoryMs = 30_000;
const mostYields = 6;
const forgiveAfterMs = 30_000;
/** What stops again this soon after a stall is still the same one: the network is coming back. */
const sameStallMs = 3_000;

/**
 * Keeps the picture at its distance from the live edge. hls.js has a controller of its own, but it only acts with more than a second in the
 * buffer, which a low-latency broadcast never has; so that one is switched off.
 *
 * It plays a little faster while behind and slower while too near, never so fast that the buffer runs dry, and jumps only when far behind
 * and only to what is buffered already. A network that stalls repeatedly gets a greater distance, which shrinks again when it holds.
 */
export class CatchUp {
  #rate = 1;
  #stalls: number[] = [];
  #yields = 0;
  #changedAt = 0;
  #jumpedAt = -Infinity;

  /** What stalls have added to the distance, in pieces. */
  get yields(): number {
    return this.#yields;
  }

  /** Notes that playing stopped for want of media; `now` in ms. */
  stalled(now: number): void {
    if (now - (this.#stalls.at(-1) ?? -Infinity) < sameStallMs) return;
    this.#stalls = [...this.#stalls.filter((at) => now - at < stallMemoryMs), now];
    if (this.#stalls.length < stallsToYield) return;
    this.#yields = Math.min(mostYields, this.#yields + 1);
    this.#changedAt = now;
  }

  /** The distance to keep, in seconds. */
  target(look: Pick<Look, "target" | "piece">): number {
    return look.target + this.#yields * look.piece;
  }

  /** Decides; `starting` says that nobody has watched yet, so that a jump costs nothing. */
  step(look: Look, now: number, starting = false): Step {
    this.#forgive(now);
    const error = look.latency - this.target(look);
    const reserve = Math.max(look.piece, 0.1);
    const far = starting ? startAt * 2.5 : Math.max(farAtLeast, farPieces * look.piece);
    if (error > far && now - this.#jumpedAt > jumpEveryMs) {
      // A little nearer than asked is no gain if it is not in the buffer yet.
      const skip = Math.min(error, look.ahead - reserve);
      if (skip > far / 2) {
        this.#rate = 1;
        this.#jumpedAt = now;
        return { skip };
      }
    }
    this.#rate = this.#pace(error, look.ahead, reserve);
    return { rate: this.#rate };
  }

  #pace(error: number, ahead: number, reserve: number): number {
    // Nearly dry: a little slower, and the next piece still comes in time.
    if (ahead < reserve / 2 && error < farAtLeast) return slow;
    if (error > 4 * startAt && ahead > reserve) return error > 8 * startAt ? fastest : brisk;
    if (this.#rate > 1) return error > doneAt && ahead > reserve / 2 ? Math.min(this.#rate, gentle) : 1;
    if (this.#rate < 1) return error < -doneAt ? slow : 1;
    if (error > startAt && ahead > reserve) return gentle;
    return error < -startAt * 1.5 ? slow : 1;
  }

  #forgive(now: number): void {
    if (this.#yields === 0 || now - this.#changedAt < forgiveAfterMs) return;
    this.#yields -= 1;
    this.#changedAt = now;
  }
}
