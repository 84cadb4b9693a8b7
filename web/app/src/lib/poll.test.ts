import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { poll } from "./poll";

class Page extends EventTarget {
  hidden = false;
}

let page: Page;

beforeEach(() => {
  vi.useFakeTimers();
  page = new Page();
  vi.stubGlobal("document", page);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("polling", () => {
  it("runs at once and again after each pause, until it is ended", async () => {
    const task = vi.fn(() => Promise.resolve());
    const end = poll(task, 1000);
    expect(task).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(2500);
    expect(task).toHaveBeenCalledTimes(3);
    end();
    await vi.advanceTimersByTimeAsync(5000);
    expect(task).toHaveBeenCalledTimes(3);
  });

  it("rests while the page is hidden and goes on when it is shown", async () => {
    const task = vi.fn(() => Promise.resolve());
    const end = poll(task, 1000);
    await vi.advanceTimersByTimeAsync(0);
    page.hidden = true;
    page.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(task).toHaveBeenCalledTimes(1);
    page.hidden = false;
    page.dispatchEvent(new Event("visibilitychange"));
    expect(task).toHaveBeenCalledTimes(2);
    end();
  });

  it("goes on after a failed turn and never runs two at once", async () => {
    let finish: (() => void) | undefined;
    const task = vi.fn(() => new Promise<void>((_, refuse) => (finish = () => refuse(new Error("no")))));
    const end = poll(task, 1000);
    await vi.advanceTimersByTimeAsync(5000);
    expect(task).toHaveBeenCalledTimes(1);
    finish?.();
    await vi.advanceTimersByTimeAsync(1000);
    expect(task).toHaveBeenCalledTimes(2);
    end();
  });
});
