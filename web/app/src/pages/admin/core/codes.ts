/** How many digits a made-up access code has: at the room URL a moderator's code counts only from 8 characters on. */
export const codeLength = { participant: 6, moderator: 8 } as const;

/** Makes up an access code of digits, each equally likely. */
export function randomCode(length: number): string {
  let code = "";
  while (code.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      // 250 is the largest multiple of ten a byte can hold: above it some digits would come more often.
      if (byte < 250 && code.length < length) code += String(byte % 10);
    }
  }
  return code;
}
