import { problemFrom, problemText } from "$lib/api";
import { toast } from "$lib/ui";

/** Does something small at once and says if it failed; for what has no dialog to say it in. */
export async function attempt(act: () => Promise<void>, done?: string): Promise<void> {
  try {
    await act();
    if (done !== undefined) toast.success(done);
  } catch (cause) {
    const words = problemText(problemFrom(cause));
    toast.error(`${words.what} ${words.todo}`);
  }
}
