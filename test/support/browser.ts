import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'
import { ensurePrograms } from '../../lab/programs/ensure.ts'

/** For root, and for machines without a graphics card or a way out: nothing but the pages that are asked for. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A real browser for a test file. */
export interface TestBrowser {
  /** A new tab with an address open. */
  open(url: string): Promise<Page>
  /** Keeps what a tab shows as `NAME.png` in the folder KMM_SCREENSHOTS, when there is one. */
  keep(page: Page, name: string): Promise<void>
}

/** Starts the browser before a file's first test and ends it after the last. */
export function useBrowser(): TestBrowser {
  let browser: Browser | undefined
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: await ensurePrograms(['chromium']).path('chromium'),
      args,
    })
  })
  afterAll(async () => await browser?.close())
  return {
    async open(url) {
      if (browser === undefined) throw new Error('the browser is not started')
      const page = await browser.newPage({ viewport: { width: 1400, height: 1100 } })
      await page.goto(url, { waitUntil: 'domcontentloaded' })
      return page
    },
    async keep(page, name) {
      const folder = process.env['KMM_SCREENSHOTS'] ?? ''
      if (folder !== '') await page.screenshot({ path: join(folder, `${name}.png`) })
    },
  }
}
