/** How long sentences are gathered before they are read out together. */
const gatherMs = 300;
const maxGathered = 4;

/** Says things to those who listen to the page instead of looking at it; Announcer.svelte puts `text` into a live region. */
export class Announcer {
  text = $state("");
  #gathered: string[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  say(sentence: string): void {
    this.#gathered = [...this.#gathered, sentence].slice(-maxGathered);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.text = this.#gathered.join(" ");
      this.#gathered = [];
    }, gatherMs);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
