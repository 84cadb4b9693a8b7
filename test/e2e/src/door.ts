import { expect, type Locator, type Page } from "@playwright/test";

/** What a person answers at the door. */
export interface Answers {
  name?: string;
  code?: string;
}

export const nameField = (page: Page): Locator => page.getByRole("textbox", { name: /your name|name for the chat/i });
export const codeField = (page: Page): Locator => page.getByLabel(/^access code/i);
export const forward = (page: Page): Locator => page.getByRole("button", { name: /^(continue|enter|watch|join now)$/i });

/** The sign that one is in: the button that leaves. */
export const leaveButton = (page: Page): Locator => page.getByRole("button", { name: "Leave", exact: true });

/** Answers the door's questions, whichever it asks, until the room is there. */
export async function enter(page: Page, url: string, answers: Answers): Promise<void> {
  await page.goto(url);
  for (let step = 0; step < 5; step++) {
    await expect(forward(page).or(leaveButton(page)).first()).toBeVisible();
    if (await leaveButton(page).isVisible()) return;
    await answer(nameField(page), answers.name);
    await answer(codeField(page), answers.code);
    const question = await asked(page);
    await forward(page).click();
    // The next question, or the room.
    await expect.poll(async () => (await leaveButton(page).isVisible()) || (await asked(page)) !== question, { timeout: 15_000 }).toBe(true);
  }
  await expect(leaveButton(page)).toBeVisible();
}

/** The words of the question that the door asks now. */
async function asked(page: Page): Promise<string> {
  return (await page.locator("main label, main h1, main h2").allTextContents()).join("|");
}

async function answer(field: Locator, text: string | undefined): Promise<void> {
  if (text !== undefined && (await field.isVisible()) && (await field.inputValue()) === "") await field.fill(text);
}
