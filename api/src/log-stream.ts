/** The log of a service as plain text, line by line, for as long as the client stays. */
import type { Call } from './route.ts';
import { streamed } from './streamed.ts';

export async function logStream(
  call: Call,
  { node, service }: { readonly node: string; readonly service: string },
  options: { readonly tail: number; readonly follow: boolean },
): Promise<Response> {
  const gone = new AbortController();
  const signal = AbortSignal.any([call.signal, gone.signal]);
  const lines = call.plane.logs(node, service, options, signal)[Symbol.asyncIterator]();
  // The first line is awaited before anything is sent: a service that does not exist is still a problem document.
  const first = await lines.next();
  return streamed('text/plain', call.signal, async (writer, left) => {
    left.addEventListener('abort', () => gone.abort(), { once: true });
    try {
      for (let line = first; !line.done && !left.aborted; line = await lines.next())
        await writer.write(`${line.value}\n`);
    } catch (cause) {
      if (!left.aborted) throw cause;
    } finally {
      gone.abort();
      await lines.return?.();
    }
  });
}
