// Serves one channel with better-sse, for a comparison: GET subscribes, POST publishes its body.
import { createServer } from 'node:http';
import { createChannel, createSession } from 'better-sse';

const channel = createChannel();
const server = createServer(async (request, response) => {
  if (request.method === 'GET') {
    channel.register(await createSession(request, response));
    return;
  }
  let body = '';
  for await (const piece of request) body += piece;
  channel.broadcast(JSON.parse(body), 'bench');
  response.writeHead(201, { 'content-length': 2 }).end('{}');
});
// The publisher's connection is kept however long it is quiet.
server.keepAliveTimeout = 0;
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
