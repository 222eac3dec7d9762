// An OpenID provider on a free port of this machine, with its own development pages for signing in.
// Prints one line of JSON: {"event": "ready", "issuer": "..."}. Who signs in as NAME is in the groups of the table.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';

const groups = { bob: ['staff', 'helpdesk'], lea: ['leads'], carol: ['visitors'], late: ['helpdesk'] };

const jwk = (kind, options, alg) => {
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID() };
};

const client = (client_id, more) => ({
  client_id,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  // A native program's: any port of the loopback address counts (RFC 8252 section 7.3).
  redirect_uris: ['http://127.0.0.1/signed-in'],
  ...more,
});

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [client('deskside'), client('another'), client('curves', { id_token_signed_response_alg: 'ES256' })],
    jwks: { keys: [jwk('rsa', { modulusLength: 2048 }, 'RS256'), jwk('ec', { namedCurve: 'P-256' }, 'ES256')] },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'] },
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, name: `${sub} of the provider`, preferred_username: sub, groups: groups[sub] ?? [] }),
    }),
    cookies: { keys: [randomUUID()] },
    // "late" is given tokens that are over already.
    ttl: { IdToken: (ctx) => (ctx.oidc.account?.accountId === 'late' ? -120 : 3600) },
  });
  server.on('request', provider.callback());
  console.log(JSON.stringify({ event: 'ready', issuer }));
});
