/** The pages of the dashboard. Their links are relative, so that a proxy may put them under any path. */

function page(title: string, folder: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${folder}app.css">
${body}
</html>
`
}

/**
 * Asks for the admin token.
 *
 * @param folder The way from the page to the files of the dashboard.
 * @param problem Why the last token was refused.
 */
export function signInPage(folder: string, problem = ''): string {
  const about = problem === '' ? '' : ' aria-invalid="true" aria-describedby="problem"'
  return page(
    'Sign in – Baton',
    folder,
    `<main class="sign-in">
<h1>Baton dashboard</h1>
<form method="post" action="${folder}sign-in">
<input hidden autocomplete="username" value="operator">
<label for="token">Admin token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus${about}>
${problem === '' ? '' : `<p id="problem" role="alert">${problem}</p>\n`}<button>Sign in</button>
</form>
</main>`,
  )
}

/** The dashboard itself, which its script fills. */
export const appPage = page(
  'Baton dashboard',
  'dashboard/',
  `<div id="app"><noscript>The dashboard needs JavaScript.</noscript></div>
<script type="module" src="dashboard/app.js"></script>`,
)
