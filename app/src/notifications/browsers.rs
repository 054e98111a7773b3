//! The part of `/notifications` that is about messages in browsers. What the browser has to be asked
//! for, `public/push.js` does; the list, its tests and its removals are forms.

use super::api::{RemoveBrowser, TestBrowser};
use super::push::Browser;
use crate::accounts::Zone;
use crate::accounts::view::browser as named;
use crate::ui::time;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// `key` is ours, as browsers want it.
#[component]
pub fn Browsers(browsers: Vec<Browser>, key: String, zone: Zone) -> impl IntoView {
    let here = browsers.first().and_then(|first| {
        let endpoint = first.endpoint.clone()?;
        Some((first.id, endpoint))
    });
    let (id, endpoint) = here.unzip();
    let list = (!browsers.is_empty()).then(|| {
        let lines = browsers.into_iter().map(|browser| one(browser, zone));
        view! { <ul class="sessions">{lines.collect_view()}</ul> }
    });
    view! {
        <section aria-labelledby="browsers">
            <h2 id="browsers">"In your browsers"</h2>
            <p>
                "A browser that is switched on shows messages by itself, also while this page is closed, until you log out there."
            </p>
            <p class="without-script">"Switching one on needs JavaScript."</p>
            <div class="push" id="push" data-key=key data-id=id data-endpoint=endpoint hidden>
                <label class="once-a-day">
                    <input type="checkbox" role="switch"/>
                    "This browser"
                </label>
                <p class="hint" id="push-state" role="status"></p>
            </div>
            {list}
        </section>
        <script src="/push.js" defer></script>
    }
}

fn one(browser: Browser, zone: Zone) -> impl IntoView {
    let name = named(&browser.user_agent);
    let since = zone.told(browser.since);
    let test = format!("Send a test message to {name}");
    let remove = format!("Remove {name}");
    let id = browser.id.to_string();
    view! {
        <li class="session">
            <div>
                <p class="browser">
                    {name} {browser.endpoint.is_some().then(|| view! { <span class="this">"this one"</span> })}
                </p>
                <p class="since">
                    "since " <time datetime=time::machine(browser.since)>{since}</time>
                </p>
            </div>
            <div class="push-actions">
                <form method="post" action=TestBrowser::url()>
                    <input type="hidden" name="id" value=id.clone()/>
                    <button class="button quiet" aria-label=test>"Test"</button>
                </form>
                <form method="post" action=RemoveBrowser::url()>
                    <input type="hidden" name="id" value=id/>
                    <button class="button quiet" aria-label=remove>"Remove"</button>
                </form>
            </div>
        </li>
    }
}
