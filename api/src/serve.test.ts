import { createServer } from 'node:net';
import { FakeClock } from '@lab/sdk/testing';
import { expect, it } from 'vitest';
import { FakeControlPlane } from '../testing/fake-control-plane.ts';
import { createApp } from './app.ts';
import { serve } from './serve.ts';

const TOKEN = 'a-token-of-more-than-sixteen';
const app = () => createApp({ plane: new FakeControlPlane(), token: TOKEN, version: '0', clock: new FakeClock() });

it('listens on a free port, and frees it also under an open stream', async () => {
  const served = await serve({ app: app(), port: 0 });
  expect(served.url).toBe(`http://127.0.0.1:${served.port}`);
  const stream = await fetch(`${served.url}/v1/events/stream`, { headers: { authorization: `Bearer ${TOKEN}` } });
  expect(stream.status).toBe(200);
  await served.close();
  await expect(stream.text()).rejects.toThrow();
  await expect(fetch(served.url)).rejects.toThrow();
});

it('a taken port is a conflict that names the way out', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(serve({ app: app(), port })).rejects.toMatchObject({
    code: 'conflict',
    hint: expect.stringContaining('LAB_PORT'),
  });
  await new Promise((resolve) => other.close(resolve));
});
