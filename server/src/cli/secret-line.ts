const LONGEST = 4_096;

/** The first line of a stream, without its end. Secrets come this way because arguments and environment are shown to other users. */
export async function readSecretLine(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const part of stream) {
    text += part.toString();
    if (text.includes('\n') || text.length > LONGEST) break;
  }
  const [line = ''] = text.split(/\r?\n/, 1);
  return line.slice(0, LONGEST);
}
