//! The lists of scenarios, and how they become tests.

/// Makes a test of every scenario of the store's contract on a backend.
#[macro_export]
macro_rules! contract_tests {
    ($backend:ty) => {
        $crate::scenario_tests!(
            $backend,
            contract,
            [
                what_was_appended_reads_back,
                an_append_that_expects_another_revision_changes_nothing,
                the_same_request_appends_to_a_stream_once,
                of_many_attempts_of_one_request_exactly_one_writes,
                of_two_writers_on_one_revision_exactly_one_wins,
                a_follower_reads_what_was_and_then_what_comes,
                a_cursor_is_known_by_its_event,
                many_writers_and_followers_lose_and_double_nothing,
            ]
        );
    };
}

/// Makes a test of every scenario of a repository on a backend.
#[macro_export]
macro_rules! repository_tests {
    ($backend:ty) => {
        $crate::scenario_tests!(
            $backend,
            repository,
            [
                a_command_is_decided_recorded_and_answered_with_the_state_after_it,
                a_command_without_effect_and_a_refused_one_record_nothing,
                a_request_retried_after_a_crash_between_append_and_answer_has_one_effect,
                a_retry_days_later_answers_from_the_state_after_the_first_effect,
                a_request_id_with_other_content_is_refused_and_on_another_stream_is_another_request,
                on_a_conflict_the_command_is_decided_again_from_what_came_between,
                an_earlier_attempt_found_in_a_conflict_round_is_answered_and_not_repeated,
                other_content_under_the_id_is_also_found_in_a_conflict_round,
                endless_conflict_ends_as_contended_after_eight_rounds,
                the_same_request_sent_many_times_at_once_has_one_effect,
                op_4_a_personal_field_is_sealed_at_rest_and_reads_as_erased_without_its_key,
                an_event_of_unknown_type_or_shape_stops_its_reader_and_tells_no_data,
            ]
        );
    };
}

/// Makes a test of each scenario that is named.
#[doc(hidden)]
#[macro_export]
macro_rules! scenario_tests {
    ($backend:ty, $module:ident, [$($scenario:ident),* $(,)?]) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                $crate::$module::$scenario::<$backend>().await;
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_scenario_is_in_its_list() {
        let lists = include_str!("scenarios.rs");
        for scenarios in [include_str!("contract.rs"), include_str!("repository.rs")] {
            let names: Vec<_> = scenarios
                .split("pub async fn ")
                .skip(1)
                .filter_map(|rest| rest.split('<').next())
                .collect();
            assert!(names.len() > 7, "{names:?}");
            for name in names {
                assert!(lists.contains(&format!("{name},")), "{name} is run on no backend");
            }
        }
    }
}
