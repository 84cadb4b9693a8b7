/**
 * Runs a task now and then again `pauseMs` after it ended, one at a time; not while the page is hidden, and at once when it is shown again.
 * The task says by itself what goes wrong; it gets a signal that ends with the polling. Gives what ends it, so that an effect can return it.
 */
export function poll(task: (signal: AbortSignal) => Promise<void>, pauseMs: number): () => void {
  const ending = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;

  async function turn(): Promise<void> {
    if (running || ending.signal.aborted) return;
    running = true;
    try {
      await task(ending.signal);
    } finally {
      running = false;
      if (!ending.signal.aborted && !document.hidden) timer = setTimeout(start, pauseMs);
    }
  }

  function start(): void {
    clearTimeout(timer);
    turn().catch(() => undefined);
  }

  function onVisibility(): void {
    if (document.hidden) clearTimeout(timer);
    else start();
  }

  document.addEventListener("visibilitychange", onVisibility);
  start();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    clearTimeout(timer);
    ending.abort();
  };
}
