// The measure for sign-ins: the hashes alone, with the parameters of security/crypto/password-hashing.ts, as Node makes them. At the priority at
// which the server makes them, or the ratio would say how busy the machine is with other things.
import { argon2, randomBytes } from 'node:crypto';
import { constants, setPriority } from 'node:os';
import { promisify } from 'node:util';

const derive = promisify(argon2);
// Before the first hash starts the threads that inherit it.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

process.once('message', async ({ rounds, atOnce }: { rounds: number; atOnce: number }) => {
  const hash = () =>
    derive('argon2id', {
      message: 'forty steady wheels upon the track',
      nonce: randomBytes(16),
      memory: 65_536,
      passes: 3,
      parallelism: 1,
      tagLength: 32,
    });
  await hash();
  const from = performance.now();
  for (let round = 0; round < rounds; round += 1) await Promise.all(Array.from({ length: atOnce }, hash));
  process.send?.((performance.now() - from) / 1_000);
});
