import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Blocks } from '../../lib/blocks.ts';
import type { ObjectStorePlace } from '../config/connection-urls.ts';
import { inParts } from './parts.ts';
import { bucketPlace, type Storage, StorageError } from './storage.ts';

// An object store that speaks S3. What goes wrong on the way is tried again a part or a range at a time, each with its own time limits, so a connection
// that breaks in the middle of a large file costs one of them. The client does it until the head of an answer is there; what comes after that,
// the body of a range, is tried again here.

const RANGE_BYTES = 16 * 1024 * 1024;
const CONNECT_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 120_000;
const ATTEMPTS = 5;
const AGAIN_AFTER_MS = 200;
const MOST_NAMES = 100_000;

interface Upload {
  send(part: Uint8Array): Promise<void>;
  complete(): Promise<void>;
  abort(): Promise<void>;
}

/** `silentMs`: how long a connection may say nothing, also in the middle of a body. */
export function bucketStorage(where: ObjectStorePlace, { silentMs = ANSWER_WITHIN_MS } = {}): Storage {
  const { bucket, prefix } = where;
  const client = clientOf(where, silentMs);
  const place = bucketPlace(where);
  const at = (name: string) => ({ Bucket: bucket, Key: `${prefix}${name}` });

  /** What the store says, in one line that names it. */
  async function asking<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StorageError || !isOfTheStore(error)) throw error;
      throw new StorageError(`${place} cannot be used: ${reasonOf(error)}`, { cause: error });
    }
  }

  async function find(name: string): Promise<{ bytes: number; version: string | undefined } | undefined> {
    try {
      const { ContentLength = 0, ETag } = await client.send(new HeadObjectCommand(at(name)));
      return { bytes: ContentLength, version: ETag };
    } catch (error) {
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return undefined;
      throw error;
    }
  }

  async function* ranges(name: string, bytes: number, version: string | undefined): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < bytes; from += RANGE_BYTES) {
      const to = Math.min(from + RANGE_BYTES, bytes) - 1;
      yield await asking(() => range(name, version, { from, to }));
    }
  }

  async function range(
    name: string,
    version: string | undefined,
    { from, to }: { readonly from: number; readonly to: number },
  ): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt += 1) {
      const { Body, ETag } = await client.send(new GetObjectCommand({ ...at(name), Range: `bytes=${from}-${to}` }));
      // Another one took its place: half of each is nothing. Not every store can be asked for a version.
      if (ETag !== version) throw new StorageError(`${place}${name} was replaced while it was read`);
      try {
        const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
        if (bytes.length === to - from + 1) return bytes;
        throw new StorageError(`${place}${name} ends before all of it was sent`);
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await delay(AGAIN_AFTER_MS * 2 ** attempt);
      }
    }
  }

  /** A file of one part at once; a longer one in parts, which are put together when all of them are there. */
  async function put(name: string, blocks: Blocks): Promise<void> {
    let upload: Upload | undefined;
    let last: Uint8Array = new Uint8Array();
    try {
      for await (const part of inParts(blocks)) {
        if (last.length > 0) {
          upload ??= await begin(name);
          await upload.send(last);
        }
        last = part;
      }
      if (upload) {
        await upload.send(last);
        await upload.complete();
      } else await asking(() => client.send(new PutObjectCommand({ ...at(name), Body: last })));
    } catch (error) {
      // Parts that are left lie there unseen and are paid for; a rule of the bucket throws away what even this does not.
      await upload?.abort().catch(() => undefined);
      throw error;
    }
  }

  async function begin(name: string): Promise<Upload> {
    const { UploadId } = await asking(() => client.send(new CreateMultipartUploadCommand(at(name))));
    const upload = { ...at(name), UploadId };
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    return {
      send: (Body) =>
        asking(async () => {
          const PartNumber = Parts.length + 1;
          const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }));
          Parts.push({ PartNumber, ETag });
        }),
      complete: () =>
        asking(async () => {
          await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
        }),
      async abort() {
        await client.send(new AbortMultipartUploadCommand(upload));
      },
    };
  }

  return {
    place,

    names: () =>
      asking(async () => {
        const names: string[] = [];
        let next: string | undefined;
        do {
          const listed = await client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: prefix,
              Delimiter: '/',
              ...(next === undefined ? {} : { ContinuationToken: next }),
            }),
          );
          for (const { Key = '' } of listed.Contents ?? []) names.push(Key.slice(prefix.length));
          next = listed.IsTruncated ? listed.NextContinuationToken : undefined;
        } while (next !== undefined && names.length < MOST_NAMES);
        return names.filter((name) => name !== '');
      }),

    read: (name) =>
      asking(async () => {
        const found = await find(name);
        return found && { bytes: found.bytes, blocks: ranges(name, found.bytes, found.version) };
      }),

    size: (name) => asking(async () => (await find(name))?.bytes),

    async write(name, blocks) {
      if (await asking(() => find(name))) throw new StorageError(`${place}${name} is there already`);
      await put(name, blocks);
    },

    remove: (name) => asking(async () => void (await client.send(new DeleteObjectCommand(at(name))))),

    // Parts of an upload are seen by the bucket only, which has a rule for them; listing them is a right that our key need not have.
    sweep: async () => undefined,

    below: (name) => bucketStorage({ ...where, prefix: `${prefix}${name}/` }, { silentMs }),
  };
}

function clientOf({ endpoint, region, caFile, accessKey, secretKey }: ObjectStorePlace, silentMs: number): S3Client {
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile) };
  return new S3Client({
    endpoint,
    region,
    // Not every store has a name of its own for each bucket.
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey.reveal() },
    maxAttempts: ATTEMPTS,
    // What is kept has digests of its own, and older stores do not know the checksums of newer clients.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_WITHIN_MS,
      requestTimeout: ANSWER_WITHIN_MS,
      throwOnRequestTimeout: true,
      socketTimeout: silentMs,
      httpsAgent: new Agent({ keepAlive: true, minVersion: 'TLSv1.2', rejectUnauthorized: true, ...ca }),
    }),
  });
}

const isOfTheStore = (error: unknown): error is Error =>
  error instanceof S3ServiceException ||
  (error instanceof Error && ('$metadata' in error || 'code' in error || error.name === 'TimeoutError'));

function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof S3ServiceException) return `${error.name} (${error.$metadata.httpStatusCode ?? 'no answer'})`;
  return code ?? error.name;
}
