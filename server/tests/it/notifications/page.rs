//! `/notifications`: what happened, and what one wants to hear of.

use super::post_office::Gateway;
use super::{everything_is_told, start};
use crate::on_both_stacks;
use crate::support::{Person, Place, Stack, problem};

on_both_stacks!(
    lines_are_read_by_whose_they_are,
    wishes_are_kept_and_refused_with_a_reason,
    a_zone_chosen_for_quiet_hours_alone_is_kept_for_everything,
);

async fn page(person: &Person) -> String {
    let page = person.get("/notifications").await;
    assert_eq!(page.status(), 200);
    page.text().await.unwrap()
}

async fn lines_are_read_by_whose_they_are(stack: Stack) {
    let app = start(Place::new(stack).await, None, None).await;
    let db = &app.server.db;
    let guest = Person::new(app.addr, String::new());
    let turned_away = guest.get("/notifications").await;
    assert_eq!(turned_away.headers()["location"], "/login");
    assert_eq!(
        guest.post("/api/notifications/read", &[]).await.status(),
        401
    );

    let (ada, eve) = (app.person().await, app.person().await);
    let task = ada.task("Buy <milk>").await;
    let form = [("task_id", task.as_str())];
    ada.does("/api/tasks/complete", &form).await;
    everything_is_told(db, "notifications").await;
    let first = page(&ada).await;
    assert!(first.contains("Welcome, Ada. Your list is ready."));
    assert!(first.contains("“Buy &lt;milk&gt;” is on your list."));
    assert!(first.contains("Well done! “Buy &lt;milk&gt;” is completed."));
    assert!(first.contains("3 are unread.") && first.contains(&format!("/tasks/{task}")));
    let you = ada.get("/you").await.text().await.unwrap();
    assert!(you.contains("href=\"/notifications\"") && you.contains("3 unread"));
    assert!(!page(&eve).await.contains("milk"));

    let ids: Vec<i64> = sqlx::query_scalar(
        "select notification_id from notifications where title = 'Buy <milk>' order by 1",
    )
    .fetch_all(db.pool())
    .await
    .unwrap();
    let one = ids[0].to_string();
    eve.post("/api/notifications/read", &[("ids[]", &one)])
        .await;
    assert!(page(&ada).await.contains("3 are unread."), "not Eve's");
    let read = ada
        .post("/api/notifications/read", &[("ids[]", &one)])
        .await;
    assert_eq!(read.status(), 200);
    assert!(page(&ada).await.contains("2 are unread."));
    ada.post("/api/notifications/read", &[]).await;
    assert!(page(&ada).await.contains("Nothing is unread."));
    assert!(page(&eve).await.contains("1 is unread."));

    ada.does("/api/tasks/delete", &form).await;
    assert!(!page(&ada).await.contains(&format!("/tasks/{task}")));
    app.stop().await;
}

async fn wishes_are_kept_and_refused_with_a_reason(stack: Stack) {
    let gateway = Gateway::start().await;
    let app = start(Place::new(stack).await, None, Some(&gateway)).await;
    let ada = app.person().await;
    let save = async |form: &[(&str, &str)]| ada.post("/api/notifications/settings", form).await;
    let kept = save(&[
        ("wanted[]", "task.completed/page"),
        ("quiet_from", "22:30"),
        ("quiet_to", "07:00"),
    ])
    .await;
    assert_eq!(kept.status(), 200);
    let zone = ada.post("/api/accounts/zone", &[("zone", "Europe/Lisbon")]);
    assert_eq!(zone.await.status(), 200);
    let shown = page(&ada).await;
    for part in [
        "value=\"22:30\"",
        "value=\"07:00\"",
        "By the clock of Europe/Lisbon.",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    ada.creates("Nobody is told").await;
    everything_is_told(&app.server.db, "notifications").await;
    assert!(!page(&ada).await.contains("Nobody is told"));

    for (form, field) in [
        ([("quiet_from", "22:00"), ("quiet_to", "")], "quiet_to"),
        ([("phone", "12"), ("quiet_to", "")], "phone"),
        ([("wanted[]", "task.created/sms"), ("phone", "")], "phone"),
        ([("wanted[]", "task.created/fax"), ("phone", "")], "wanted"),
    ] {
        let refused = save(&form).await;
        assert_eq!(refused.status(), 422);
        assert_eq!(problem(refused).await["field"], field);
    }
    // Without JavaScript the page says so, with what was typed.
    let refused = ada
        .client
        .post(ada.url("/api/notifications/settings"))
        .header("origin", ada.url(""))
        .header("accept", "text/html")
        .header("referer", ada.url("/notifications"))
        .form(&[("quiet_from", "23:15"), ("quiet_to", "")])
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("value=\"23:15\"") && refused.contains("such as 22:00"));
    assert!(
        page(&ada).await.contains("value=\"22:30\""),
        "nothing was changed"
    );
    app.stop().await;
}

/// What brought the two settings together.
const MIGRATION: &str = include_str!("../../../../migrations/sqlite/0011_feed.sql");

async fn a_zone_chosen_for_quiet_hours_alone_is_kept_for_everything(stack: Stack) {
    let app = start(Place::new(stack).await, None, None).await;
    let db = &app.server.db;
    let run = async |sql: String| {
        db.write::<_, sqlx::Error, _>(move |tx| {
            Box::pin(async move {
                let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
                sql.execute(&mut **tx).await.map(|_| ())
            })
        })
        .await
        .unwrap();
    };
    run(
        "alter table notification_settings add column time_zone text not null default 'UTC'".into(),
    )
    .await;
    let mut people = Vec::new();
    for (known, chosen, quiet_from, kept) in [
        ("null", "Europe/Lisbon", "null", Some("Europe/Lisbon")),
        ("'Asia/Tokyo'", "Europe/Lisbon", "null", Some("Asia/Tokyo")),
        // Nobody had looked at it, or somebody had.
        ("null", "UTC", "null", None),
        ("null", "UTC", "1320", Some("UTC")),
    ] {
        let email = app.person().await.email;
        run(format!(
            "update users set time_zone = {known} where email = '{email}'"
        ))
        .await;
        run(format!(
            "insert into notification_settings (user_id, time_zone, quiet_from, quiet_to, phone, \
             digest) select user_id, '{chosen}', {quiet_from}, {quiet_from}, '', 0 from users \
             where email = '{email}'"
        ))
        .await;
        people.push((email, kept));
    }
    let (_, part) = MIGRATION.split_once("-- One time zone").unwrap();
    run(format!("--{part}")).await;
    for (email, kept) in people {
        let zone = sqlx::query_scalar("select time_zone from users where email = $1").bind(email);
        let zone: Option<String> = zone.fetch_one(db.pool()).await.unwrap();
        assert_eq!(zone.as_deref(), kept);
    }
    app.stop().await;
}
