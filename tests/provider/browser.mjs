// A person with a browser, without a browser: follows redirects, keeps cookies, fills in the
// provider's forms.
//
//   browser.mjs visit URL NAME                    signs in at URL as NAME, to the end
//   browser.mjs token ISSUER CLIENT NONCE NAME    a whole sign-in of its own: prints the ID token
import { createHash, randomBytes } from 'node:crypto';

const jar = new Map();
const MAX_STEPS = 20;

async function go(url, form) {
  const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') };
  const body = form && new URLSearchParams(form);
  const answer = await fetch(url, { method: form ? 'POST' : 'GET', body, headers, redirect: 'manual' });
  for (const cookie of answer.headers.getSetCookie()) {
    const [name, value] = cookie.split(';')[0].split(/=(.*)/s);
    if (value === '') jar.delete(name); else jar.set(name, value);
  }
  return answer;
}

const unescape = (text) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"');

// The first form of a page that is sent by POST, with what a person would fill in.
function filled(page, at, name) {
  const found = page.match(/<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/);
  if (!found) return undefined;
  const fields = {};
  for (const [input] of found[2].matchAll(/<input[^>]*>/g)) {
    const field = input.match(/name="([^"]+)"/)?.[1];
    if (field) fields[field] = unescape(input.match(/value="([^"]*)"/)?.[1] ?? '');
  }
  if ('login' in fields) Object.assign(fields, { login: name, password: 'x' });
  return [new URL(unescape(found[1]), at).href, fields];
}

// Goes on until `over` says that it has arrived; gives where.
async function follow(url, name, over) {
  let form;
  for (let step = 0; step < MAX_STEPS; step++) {
    if (over?.(url)) return url;
    const answer = await go(url, form);
    const next = answer.headers.get('location');
    if (next) {
      [url, form] = [new URL(next, url).href, undefined];
      continue;
    }
    const page = await answer.text();
    if (answer.status >= 400) throw new Error(`${answer.status} at ${url}: ${page.slice(0, 500)}`);
    const fill = filled(page, url, name);
    if (!fill) return url;
    [url, form] = fill;
  }
  throw new Error(`never done, at last at ${url}`);
}

async function token(issuer, client, nonce, name) {
  const verifier = randomBytes(32).toString('base64url');
  const redirect = 'http://127.0.0.1:9/signed-in';
  const query = new URLSearchParams({
    response_type: 'code', client_id: client, scope: 'openid profile', redirect_uri: redirect, state: 's', nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  });
  const back = await follow(`${issuer}/auth?${query}`, name, (url) => url.startsWith(redirect));
  const code = new URL(back).searchParams.get('code');
  const answer = await go(`${issuer}/token`, {
    grant_type: 'authorization_code', code, redirect_uri: redirect, client_id: client, code_verifier: verifier,
  });
  return (await answer.json()).id_token;
}

const [what, ...words] = process.argv.slice(2);
if (what === 'visit') {
  await follow(words[0], words[1]);
} else if (what === 'token') {
  console.log(JSON.stringify({ id_token: await token(...words) }));
} else {
  throw new Error(`what is ${what}?`);
}
