/**
 * A response that is written piece by piece: `write` waits while the client does not read (64 KiB are held at most), and the
 * signal aborts when the client goes away. Knows nothing of what is written.
 */

const HELD_BYTES = 64 * 1024;

export interface StreamWriter {
  /** Resolves once there is room for more, or once the client is gone. */
  write(text: string): Promise<void>;
  /** Writes only where there is room at once: for what may be left out. */
  offer(text: string): void;
}

export function streamed(
  type: string,
  outer: AbortSignal,
  run: (writer: StreamWriter, signal: AbortSignal) => Promise<void>,
): Response {
  const gone = new AbortController();
  const signal = AbortSignal.any([outer, gone.signal]);
  const encoder = new TextEncoder();
  let waiters: (() => void)[] = [];
  const wake = (): void => {
    const woken = waiters;
    waiters = [];
    for (const resume of woken) resume();
  };
  signal.addEventListener('abort', wake, { once: true });
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const room = (): boolean => (controller.desiredSize ?? 0) > 0;
        const writer: StreamWriter = {
          async write(text) {
            if (signal.aborted) return;
            controller.enqueue(encoder.encode(text));
            while (!room() && !signal.aborted) await new Promise<void>((resume) => waiters.push(resume));
          },
          offer(text) {
            if (!signal.aborted && room()) controller.enqueue(encoder.encode(text));
          },
        };
        // Not awaited: a stream whose start is pending is never read.
        run(writer, signal).then(
          () => gone.signal.aborted || controller.close(),
          (cause) => gone.signal.aborted || controller.error(cause),
        );
      },
      pull: wake,
      cancel: () => gone.abort(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: HELD_BYTES }),
  );
  return new Response(body, {
    headers: {
      'content-type': `${type}; charset=utf-8`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
  });
}
