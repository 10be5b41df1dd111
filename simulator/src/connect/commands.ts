import type { Command, CommandHandler } from './link.ts';

/** Long enough for anything a device does at once; the server has a timeout of its own. */
const HANDLER_TIMEOUT_MS = 10_000;
/** QoS 1 may bring a command twice: the answers of the last ones are kept and given again instead of acting twice. */
const REMEMBERED = 64;
const REQUEST_ID = /^[A-Za-z0-9_.-]{1,64}$/;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads a command from the levels of its topic after `commands/` and its payload; `null` when nobody could answer it. */
function readCommand(levels: readonly string[], payload: Buffer): Command | null {
  let body: unknown;
  try {
    body = JSON.parse(payload.toString('utf8'));
  } catch {
    body = undefined;
  }
  const fields = isRecord(body) ? body : {};
  const requestId = levels[0] ?? fields.requestId ?? fields.id;
  if (typeof requestId !== 'string' || !REQUEST_ID.test(requestId)) return null;
  const name = typeof fields.name === 'string' ? fields.name : 'unknown';
  return { requestId, name, payload: fields.payload };
}

async function answerOf(handler: CommandHandler | null, command: Command): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  try {
    if (!handler) throw new Error('this device takes no commands');
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the command took too long')), HANDLER_TIMEOUT_MS);
    });
    const answer = await Promise.race([Promise.resolve(command).then(handler), late]);
    return JSON.stringify({ status: 'ok', ...answer });
  } catch (error) {
    return JSON.stringify({ status: 'error', message: error instanceof Error ? error.message : String(error) });
  } finally {
    clearTimeout(timer);
  }
}

export interface CommandDesk {
  setHandler(handler: CommandHandler): void;
  /** The answer to publish and where, or `null` when the message is no command. */
  answer(levels: readonly string[], payload: Buffer): Promise<{ requestId: string; body: string }> | null;
}

export function createCommandDesk(): CommandDesk {
  let handler: CommandHandler | null = null;
  const answers = new Map<string, Promise<string>>();
  return {
    setHandler(given) {
      handler = given;
    },
    answer(levels, payload) {
      const command = readCommand(levels, payload);
      if (!command) return null;
      const { requestId } = command;
      const given = answers.get(requestId) ?? answerOf(handler, command);
      answers.set(requestId, given);
      const oldest = answers.keys().next();
      if (answers.size > REMEMBERED && !oldest.done) answers.delete(oldest.value);
      return given.then((body) => ({ requestId, body }));
    },
  };
}
