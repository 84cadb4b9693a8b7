import { describe, expect, it } from "vitest";
import { CatchUp, type Look } from "./catch-up";

const look = (latency: number, more: Partial<Look> = {}): Look => ({ latency, target: 0.6, ahead: 0.45, piece: 0.2, ...more });

/** Plays on for some seconds, as a player that looks five times a second: gives the latency at the end and the paces on the way. */
function play(control: CatchUp, latency: number, seconds: number): { latency: number; rates: number[] } {
  const rates: number[] = [];
  let now = 0;
  for (let looks = 0; looks < seconds * 5; looks++) {
    const step = control.step(look(latency, { ahead: latency - 0.15 }), now);
    if ("skip" in step) latency -= step.skip;
    else {
      rates.push(step.rate);
      latency -= (step.rate - 1) * 0.2;
    }
    now += 200;
  }
  return { latency, rates };
}

describe("keeping up with the live edge", () => {
  it("plays at its own pace where it should be", () => {
    expect(new CatchUp().step(look(0.62), 0)).toEqual({ rate: 1 });
  });

  it("comes back from a little behind without a jump, and settles", () => {
    const { latency, rates } = play(new CatchUp(), 1.2, 20);
    expect(latency).toBeGreaterThan(0.55);
    expect(latency).toBeLessThan(0.7);
    expect(Math.max(...rates)).toBeLessThanOrEqual(1.08);
    expect(rates.slice(-10)).toEqual(Array(10).fill(1));
  });

  it("jumps when far behind, to what is there", () => {
    expect(new CatchUp().step(look(3, { ahead: 2.8 }), 0)).toEqual({ skip: 2.4 });
  });

  it("does not jump to what is not there yet", () => {
    expect(new CatchUp().step(look(3, { ahead: 0.3 }), 0)).toEqual({ rate: 1.08 });
  });

  it("jumps to its place before anybody has watched", () => {
    const step = new CatchUp().step(look(1, { ahead: 0.9 }), 0, true);
    expect("skip" in step && step.skip).toBeCloseTo(0.4);
  });

  it("never hurries while the buffer is short, and eases off when it is nearly dry", () => {
    expect(new CatchUp().step(look(0.9, { ahead: 0.15 }), 0)).toEqual({ rate: 1 });
    expect(new CatchUp().step(look(0.65, { ahead: 0.05 }), 0)).toEqual({ rate: 0.97 });
  });

  it("drops back when it is nearer than the playlist allows", () => {
    const { latency } = play(new CatchUp(), 0.3, 20);
    expect(latency).toBeGreaterThan(0.55);
  });

  it("forgives one stall, keeps a greater distance after repeated ones, and comes back when the network holds", () => {
    const control = new CatchUp();
    control.stalled(0);
    control.stalled(800);
    expect(control.target(look(1))).toBeCloseTo(0.6);
    control.stalled(5_000);
    control.stalled(9_000);
    expect(control.target(look(1))).toBeCloseTo(1);
    control.step(look(1), 70_000);
    control.step(look(1), 140_000);
    expect(control.target(look(1))).toBeCloseTo(0.6);
  });
});
