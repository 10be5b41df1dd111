// The measure for HTTP: a route of the same library that parses the same JSON and answers.
import Fastify from 'fastify';

const app = Fastify({ logger: false });
app.post('/api/v1/telemetry', async () => ({ accepted: 1, duplicates: 0, rejected: [] }));
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
if (address !== null && typeof address !== 'string') process.send?.(address.port);
